"""How a value is changed: keys, tokens, methods, and their use inside text. Imports only ``clearance``
itself.
"""
