//! Verbs on the whole: info, version. (helper F)
