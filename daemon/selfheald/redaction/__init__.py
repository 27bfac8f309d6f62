"""Takes secrets out of text, by known values, by a library's rules, and by what assignments look like."""
