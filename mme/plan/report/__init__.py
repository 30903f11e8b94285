"""What a plan says, for people: notes, and a page with charts."""
