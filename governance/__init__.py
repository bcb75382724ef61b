"""What is allowed: labels, policy, solutions and decisions; registry, audit and lineage. Starts no session."""
