"""The parts of the store that one worker at a time changes."""
