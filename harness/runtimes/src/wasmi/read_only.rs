//! Preopens that cannot be written. `wasi-common` has none of its own: it leaves them to whoever implements its traits
//! for directories and files. This one answers PERM, as wasmtime does for its read-only preopens.

use std::any::Any;
use std::io::{IoSliceMut, SeekFrom};
use std::path::PathBuf;

use async_trait::async_trait;
use rustix::fd::BorrowedFd;
use wasmi_wasi::wasi_common::dir::{OpenResult, ReaddirCursor, ReaddirEntity};
use wasmi_wasi::wasi_common::file::{Advice, FdFlags, FileType, Filestat, OFlags};
use wasmi_wasi::wasi_common::{ErrorExt, SystemTimeSpec};
use wasmi_wasi::{Error, WasiDir, WasiFile};

/// A directory, or a file in it, that can be looked at only.
pub(super) struct ReadOnly<T: ?Sized>(pub(super) Box<T>);

#[async_trait]
impl WasiDir for ReadOnly<dyn WasiDir> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        symlink_follow: bool,
        path: &str,
        oflags: OFlags,
        read: bool,
        write: bool,
        fdflags: FdFlags,
    ) -> Result<OpenResult, Error> {
        if write || oflags.intersects(OFlags::CREATE | OFlags::TRUNCATE) {
            return Err(Error::perm());
        }
        let opened = self.0.open_file(symlink_follow, path, oflags, read, write, fdflags).await?;
        Ok(match opened {
            OpenResult::File(file) => OpenResult::File(Box::new(ReadOnly(file))),
            OpenResult::Dir(directory) => OpenResult::Dir(Box::new(ReadOnly(directory))),
        })
    }

    async fn readdir(&self, cursor: ReaddirCursor) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        self.0.readdir(cursor).await
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        self.0.read_link(path).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.0.get_filestat().await
    }

    async fn get_path_filestat(&self, path: &str, follow_symlinks: bool) -> Result<Filestat, Error> {
        self.0.get_path_filestat(path, follow_symlinks).await
    }

    async fn create_dir(&self, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn symlink(&self, _: &str, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn remove_dir(&self, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn unlink_file(&self, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn rename(&self, _: &str, _: &dyn WasiDir, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn hard_link(&self, _: &str, _: &dyn WasiDir, _: &str) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn set_times(&self, _: &str, _: Option<SystemTimeSpec>, _: Option<SystemTimeSpec>, _: bool) -> Result<(), Error> {
        Err(Error::perm())
    }
}

/// Writes need no method here: the file was opened for reading, so `wasi-common` itself answers BADF. What the host
/// permits without write access, to set times, is refused.
#[async_trait]
impl WasiFile for ReadOnly<dyn WasiFile> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        self.0.get_filetype().await
    }

    fn pollable(&self) -> Option<BorrowedFd<'_>> {
        self.0.pollable()
    }

    fn isatty(&self) -> bool {
        self.0.isatty()
    }

    async fn datasync(&self) -> Result<(), Error> {
        self.0.datasync().await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.0.sync().await
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        self.0.get_fdflags().await
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.0.set_fdflags(flags).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.0.get_filestat().await
    }

    async fn set_filestat_size(&self, _: u64) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<(), Error> {
        self.0.advise(offset, len, advice).await
    }

    async fn set_times(&self, _: Option<SystemTimeSpec>, _: Option<SystemTimeSpec>) -> Result<(), Error> {
        Err(Error::perm())
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        self.0.read_vectored(buffers).await
    }

    async fn read_vectored_at<'a>(&self, buffers: &mut [IoSliceMut<'a>], offset: u64) -> Result<u64, Error> {
        self.0.read_vectored_at(buffers, offset).await
    }

    async fn seek(&self, position: SeekFrom) -> Result<u64, Error> {
        self.0.seek(position).await
    }

    async fn peek(&self, buffer: &mut [u8]) -> Result<u64, Error> {
        self.0.peek(buffer).await
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        self.0.num_ready_bytes()
    }

    async fn readable(&self) -> Result<(), Error> {
        self.0.readable().await
    }

    async fn writable(&self) -> Result<(), Error> {
        self.0.writable().await
    }
}
