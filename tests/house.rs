//! The structure of the source: what a compiler does not see to.

#[path = "house/circles.rs"]
mod circles;
#[path = "house/modules.rs"]
mod modules;
