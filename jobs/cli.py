print("hi")


def main():
    pass
