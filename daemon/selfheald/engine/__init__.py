"""What acts: sweep, decide, dispatch, heal, push, validate, publish, follow."""
