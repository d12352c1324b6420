"""One command a file, each a thin shell: it reads its arguments, calls the room that does the work, and prints."""
