//! What stands behind an fd that the runner hands over.

use std::os::fd::AsFd;

use anyhow::{Context, bail};
use rustix::fs::{FileType, fstat};
use touchstone_model::world::StdioKind;

/// Whether an fd is a pipe, a regular file or a device. The runner hands over nothing else.
pub(crate) fn kind(fd: impl AsFd) -> anyhow::Result<StdioKind> {
    let stat = fstat(fd).context("cannot look at a stdio fd")?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => Ok(StdioKind::Pipe),
        FileType::RegularFile => Ok(StdioKind::File),
        FileType::CharacterDevice => Ok(StdioKind::Device),
        other => bail!("a stdio fd is neither pipe, regular file nor device but a {other:?}"),
    }
}
