//! A pipe as the guest's stdin.
//!
//! The type behind `inherit_stdin`, which wasmtime's CLI uses, reads the process's own fd 0 on a thread that never ends.
//! `InputFile` says that it is ready when it is not, so `poll_oneoff` would not wait. `AsyncStdinStream` leaves a task behind
//! that has read ahead and closes the pipe some time after the run. This is what remains: the CLI's behaviour, over our own fd.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use crate::pipe::PipeReader;

/// The most that one read allocates. A guest may ask for 4 GiB, but a pipe of Linux holds 64 KiB unless it is told otherwise.
const READ_BYTES: usize = 64 << 10;

#[derive(Clone)]
pub(super) struct PipeStdin(Arc<PipeReader>);

impl PipeStdin {
    pub(super) fn new(pipe: OwnedFd) -> Self {
        PipeStdin(Arc::new(PipeReader::new(pipe)))
    }
}

impl IsTerminal for PipeStdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for PipeStdin {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for PipeStdin {
    async fn ready(&mut self) {
        // An error makes the stream ready as well: the read that follows meets it again and reports it.
        let _ = poll_fn(|context| self.0.poll_ready(context)).await;
    }
}

/// Preview 1 reads through this.
impl InputStream for PipeStdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 || !self.0.is_ready().map_err(failed)? {
            return Ok(Bytes::new());
        }
        let mut buffer = vec![0; size.min(READ_BYTES)];
        let read = self.0.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Err(StreamError::Closed);
        }
        buffer.truncate(read);
        Ok(buffer.into())
    }
}

fn failed(error: io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}

/// Preview 3 would read through this.
impl AsyncRead for PipeStdin {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.0.poll_ready(context))?;
        let read = self.0.read(buffer.initialize_unfilled())?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}
