//! The read end of a pipe, for the backends whose WASI implementation waits asynchronously.
//!
//! Neither a blocking read nor a thread that reads ahead would do: `poll_oneoff` must be able to give up waiting for stdin
//! when a clock fires first, no byte may be taken from the pipe that the guest did not ask for, and nothing of
//! the run may be left behind when the guest ends without reading to the end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A pipe that is only read when that cannot block.
#[derive(Debug)]
pub(crate) struct PipeReader {
    pipe: Arc<OwnedFd>,
    /// Known to tokio from when somebody first has to wait, which few guests do: to be made known wakes a thread.
    waiting: OnceLock<AsyncFd<Arc<OwnedFd>>>,
}

impl PipeReader {
    pub(crate) fn new(pipe: OwnedFd) -> Self {
        PipeReader { pipe: Arc::new(pipe), waiting: OnceLock::new() }
    }

    fn waiting(&self) -> io::Result<&AsyncFd<Arc<OwnedFd>>> {
        match self.waiting.get() {
            Some(waiting) => Ok(waiting),
            None => {
                // SAFETY: the fd stays the same, open and valid until it is deregistered, since the `AsyncFd` owns it too.
                let made = unsafe { AsyncFd::register_with_interest(Arc::clone(&self.pipe), Interest::READABLE)? };
                Ok(self.waiting.get_or_init(|| made))
            }
        }
    }

    /// Whether a read would return at once, with bytes or with the end of the input.
    ///
    /// It asks the kernel rather than tokio, which learns of bytes only some time after they have arrived: what a guest
    /// is told about input that was there before it started must not depend on a race.
    pub(crate) fn is_ready(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.pipe, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
    }

    /// Waits until a read would return at once. Must be called where a tokio runtime with I/O is entered.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.is_ready()? {
                return Poll::Ready(Ok(()));
            }
            let mut readiness = ready!(self.waiting()?.poll_read_ready(context))?;
            if self.is_ready()? {
                return Poll::Ready(Ok(()));
            }
            readiness.clear_ready();
        }
    }

    /// Reads what is there. The caller knows from [`Self::is_ready`] or [`Self::poll_ready`] that this does not block.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.pipe.as_fd(), buffer)?)
    }

    /// How many bytes can be read at once.
    #[cfg(feature = "wasmer")]
    pub(crate) fn available(&self) -> io::Result<usize> {
        let bytes = rustix::io::ioctl_fionread(self.pipe.as_fd())?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}
