"""The wire forms that the scripted model speaks, one file each."""
