//! The library for Windows, which `packaging/windows` has built into the directory that the variable
//! `CALLREC_WINDOWS` names, in C programs under Wine: those of `tests/c` and `examples-c`, and programs
//! of its own for what differs on Windows. `.ci/run` sets the variable; without it, nothing is tested.
//! `CALLREC_WINDOWS_PLAIN` names the directory of a build without the gateway, in the same way.
#![cfg(target_os = "linux")]

#[path = "windows/bridge.rs"]
mod bridge;
#[path = "windows/bridge_lines.rs"]
mod bridge_lines;
#[path = "windows/bridge_service.rs"]
mod bridge_service;
#[path = "windows/disk.rs"]
mod disk;
#[path = "windows/library.rs"]
mod library;
#[path = "windows/programs.rs"]
mod programs;
#[path = "windows/simulator.rs"]
mod simulator;
#[path = "support/support.rs"]
mod support;
#[path = "windows/wine.rs"]
mod wine;
