//! WAV as the house itself keeps its prompts, 8 kHz, 16 bits, one channel: read without a decoder, for all prompts are
//! read at each start. Whatever is otherwise in any respect is left to [`crate::decode`].

/// Longest `fmt ` chunk that plain PCM has.
const FORMAT_BYTES: usize = 16;

/// The samples of a plain file that is whole; `None` for every other.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<i16>> {
    let rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (format, rest) = chunk(rest, b"fmt ")?;
    // PCM, one channel, 8,000 a second, 16,000 bytes a second, two a frame, 16 bits.
    let plain = b"\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0";
    if format.len() != FORMAT_BYTES || format != plain {
        return None;
    }
    let (data, rest) = chunk(rest, b"data")?;
    let whole = rest.is_empty() && data.len().is_multiple_of(2);
    whole.then(|| data.chunks_exact(2).map(|pair| pair.try_into().map_or(0, i16::from_le_bytes)).collect())
}

/// The chunk of that name, which must come first, and what follows it.
fn chunk<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = bytes.strip_prefix(name)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}
