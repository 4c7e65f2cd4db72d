//! Verbs on images. (helper B implements; helper F calls. helper B adds pull, push, load, save, import
//! here with the progress interface of `image::progress`, and tells F by the docs of this file.)
