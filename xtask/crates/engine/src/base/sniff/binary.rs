//! Formats that are not text. Their first bytes, or their structure, show what they are.

use super::text::text;

/// A format that the first bytes prove, even if the ending says another: its signature is too long to occur by chance,
/// and no other format has the same one.
pub fn proven(head: &[u8]) -> Option<&'static str> {
    // A file that declares one of these brands never holds an image.
    const VIDEO: [&[u8]; 9] =
        [b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "];
    // The first bytes of all these formats. Texts nearly never begin like this, so they cost no more than this check.
    if !matches!(
        head.first(),
        Some(0 | 0x1a | 0x89 | 0xfd | 0xff | b'%' | b'7' | b'G' | b'O' | b'P' | b'R' | b'f' | b'w')
    ) {
        return None;
    }
    match binary(head)? {
        "image/bmp" | "audio/mpeg" | "application/x-bzip2" | "video/mp2t" => None,
        // Compression is the business of `content-encoding`.
        "application/gzip" | "application/zstd" => None,
        "video/mp4" if !VIDEO.iter().any(|brand| head[8..].starts_with(brand)) => None,
        format => Some(format),
    }
}

/// The format of bytes that begin, or are structured, like no text.
pub fn binary(head: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 24] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"\0\0\x01\0", "image/x-icon"),
        (b"BM", "image/bmp"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"PK\x05\x06", "application/zip"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"BZh", "application/x-bzip2"),
        (b"\xfd7zXZ\0", "application/x-xz"),
        (b"\x28\xb5\x2f\xfd", "application/zstd"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"\0asm", "application/wasm"),
        (b"wOFF", "font/woff"),
        (b"wOF2", "font/woff2"),
        (b"OTTO", "font/otf"),
        (b"\0\x01\0\0\0", "font/ttf"),
        (b"OggS\0", "application/ogg"),
        (b"ID3", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"\0\0\x01\xba", "video/mpeg"),
    ];
    let found = starts.iter().find(|(start, _)| head.starts_with(start));
    // Texts can also begin with such two or three letters.
    let is_text = || text(head).is_some();
    found
        .map(|(_, format)| *format)
        .or_else(|| in_a_container(head))
        .or_else(|| is_transport_stream(head).then_some("video/mp2t"))
        .filter(|format| {
            !matches!(*format, "image/bmp" | "audio/mpeg" | "application/x-bzip2" | "video/mp2t")
                || !is_text()
        })
}

/// Formats whose name follows after a length.
fn in_a_container(head: &[u8]) -> Option<&'static str> {
    match (head.get(..4), head.get(4..8), head.get(8..12)) {
        (Some(b"RIFF"), _, Some(b"WEBP")) => Some("image/webp"),
        (Some(b"RIFF"), _, Some(b"WAVE")) => Some("audio/wav"),
        (Some(b"RIFF"), _, Some(b"AVI ")) => Some("video/x-msvideo"),
        (_, Some(b"ftyp"), Some(b"avif" | b"avis")) => Some("image/avif"),
        (_, Some(b"ftyp"), Some(b"heic" | b"heix")) => Some("image/heic"),
        (_, Some(b"ftyp"), Some(b"M4A ")) => Some("audio/mp4"),
        (_, Some(b"ftyp"), Some(b"qt  ")) => Some("video/quicktime"),
        (_, Some(b"ftyp"), Some(_)) => Some("video/mp4"),
        _ => None,
    }
}

/// Whether the bytes are an MPEG transport stream: packets of 188 bytes that each begin with `G`. In files from
/// cameras, four bytes precede each packet.
fn is_transport_stream(head: &[u8]) -> bool {
    let is_at = |first: usize, size: usize| {
        let starts = (0..3).map(|packet| head.get(first + packet * size));
        // The shortest files have only one packet.
        head.len() > first && starts.flatten().all(|byte| *byte == 0x47)
    };
    head.len() >= 188 && (is_at(0, 188) || is_at(4, 192))
}
