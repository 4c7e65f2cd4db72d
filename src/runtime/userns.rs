//! U, the user's namespace (DESIGN section 2 and 6). helper D.
