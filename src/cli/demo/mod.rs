//! The built-in demo: a small wiki behind the cache, for somebody who meets Tidegate first.

mod draft;
mod markup;
mod pages;
mod pictures;
mod title;
mod views;
mod wiki;
