"""Interactive viewers, and the text and HTML representations of an atlas."""
