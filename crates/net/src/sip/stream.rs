//! What every connection has, whatever speaks on it: its queue, its stay to earn, its end told once.

use super::{Arrival, Sender};
use core::pin::pin;
use core::time::Duration;
use senim_sip::Flow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// How long what is queued may still be written after the peer has stopped sending.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes that a refused peer may still send before its connection is closed without more ado.
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// One connection, however far its opening has come.
pub(super) struct Link {
    /// Its flow, numbered.
    pub(super) flow: Flow,
    /// What is to be written on it.
    pub(super) waiting: mpsc::Receiver<Vec<u8>>,
    /// When it must have earned an answer of ours; handshakes count.
    pub(super) due: Instant,
    /// It has, or we opened it.
    pub(super) answered: Arc<AtomicBool>,
}

impl Link {
    /// A connection that has just been accepted: it must earn its stay.
    pub(super) fn accepted(flow: Flow, waiting: mpsc::Receiver<Vec<u8>>, limit: Duration) -> Link {
        let answered = Arc::new(AtomicBool::new(false));
        Link { flow, waiting, due: Instant::now() + limit, answered }
    }

    /// One that we open ourselves.
    pub(super) fn opened(flow: Flow, waiting: mpsc::Receiver<Vec<u8>>, limit: Duration) -> Link {
        let link = Link::accepted(flow, waiting, limit);
        link.earn();
        link
    }

    pub(super) fn earn(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

/// Time left until then.
pub(super) fn left(due: Instant) -> Duration {
    due.saturating_duration_since(Instant::now())
}

/// Serves a stream of bytes until either side ends.
pub(super) async fn serve<R, W>(reader: R, mut writer: W, mut link: Link, sender: Sender)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (flow, due, answered) = (link.flow, link.due, link.answered.clone());
    let writing = async {
        write(&mut writer, &mut link, sender.limits().write).await;
        let _ = timeout(LAST_WORDS, writer.shutdown()).await;
    };
    attend(flow, due, &answered, &sender, read(reader, flow, &sender), writing).await;
}

/// Reads and writes until either ends, or until the connection has earned no answer in its time; then says so once.
pub(super) async fn attend(
    flow: Flow,
    due: Instant,
    answered: &AtomicBool,
    sender: &Sender,
    reading: impl Future<Output = ()>,
    writing: impl Future<Output = ()>,
) {
    {
        let mut writing = pin!(writing);
        let written = tokio::select! {
            () = reading => false,
            () = &mut writing => true,
            () = unanswered(due, answered) => false,
        };
        // Forgotten, the connection has no queue any more: writing ends with what is in it.
        sender.forget(flow);
        if !written {
            let _ = timeout(LAST_WORDS, writing).await;
        }
    }
    sender.tell(Arrival::Closed(flow));
}

/// Returns at the end of the stream or a fault.
async fn read(mut reader: impl AsyncRead + Unpin, flow: Flow, sender: &Sender) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(len @ 1..) = reader.read(&mut buffer).await {
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        sender.tell(Arrival::Stream { flow, bytes });
    }
}

/// Returns when the queue has ended and is empty, or when the peer does not take what is written.
async fn write(writer: &mut (impl AsyncWrite + Unpin), link: &mut Link, limit: Duration) {
    while let Some(bytes) = link.waiting.recv().await {
        let whole = async {
            writer.write_all(&bytes).await?;
            // Under TLS what is written may wait for more.
            writer.flush().await
        };
        match timeout(limit, whole).await {
            Ok(Ok(())) => link.earn(),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Returns when the connection has earned no answer in its time: it has sent no whole message.
async fn unanswered(due: Instant, answered: &AtomicBool) {
    tokio::time::sleep_until(due).await;
    if answered.load(Ordering::Relaxed) {
        core::future::pending::<()>().await;
    }
}

/// Takes what a refused peer still sends, for a moment: closing on unread bytes would reset the connection, and the
/// refusal with it.
pub(super) async fn linger(io: &mut (impl AsyncRead + Unpin)) {
    let mut taken = 0;
    let mut buffer = [0; 1024];
    let _ = timeout(LAST_WORDS, async {
        while let Ok(len @ 1..) = io.read(&mut buffer).await {
            taken += len;
            if taken > LINGER_BYTES_MAX {
                break;
            }
        }
    })
    .await;
}
