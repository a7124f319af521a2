//! The program as its users meet it: every test runs `touchstone` or drives its workers. One binary, since each one links
//! all engines.

mod check;
mod commands;
mod controls;
mod documents;
mod fixtures;
mod hostile;
mod notsup;
mod plants;
mod recorder;
mod reports;
mod support;
