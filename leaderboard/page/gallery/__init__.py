"""The gallery of the page: which samples it holds, their small images, what its script reads."""
