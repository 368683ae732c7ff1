"""x"""
TITLE = ""
def context(page): return None
