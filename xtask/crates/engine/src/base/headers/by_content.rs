//! What the bytes of a file add to its name: a name may say nothing about the content type, or the wrong thing.

use super::by_name::{self, Charset, UNKNOWN_TYPE, ending};
use crate::base::sniff;

/// What the bytes of a file add to what its name says about the content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// The content type, if the bytes decide it and not the name.
    pub essence: Option<&'static str>,
    pub charset: Charset,
}

/// How much the content counts for the content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The name decides.
    None,
    /// The name decides, unless the first bytes prove another format.
    Format,
    /// The same, but the content may also be an HTML document: `node.js` and `index.php` may be pages.
    Document,
    /// The ending is used for source code and for other formats too: `.ts` is TypeScript or video.
    Source,
    /// The name says nothing.
    Unknown,
}

impl Doubt {
    /// The content type according to the beginning of a file; `None` if that of the name, `named`, applies.
    pub fn essence(self, named: &str, head: &[u8], is_whole: bool) -> Option<&'static str> {
        match self {
            Doubt::None => None,
            Doubt::Format => contradiction(named, head),
            Doubt::Document if sniff::is_document(head) => Some("text/html"),
            Doubt::Document => contradiction(named, head),
            // If it is text, the content type is that of the name.
            Doubt::Source if sniff::is_document(head) => Some("text/html"),
            Doubt::Source => match sniff::essence(head, is_whole) {
                None => Some(UNKNOWN_TYPE),
                Some(essence) if is_binary(essence) => Some(essence),
                Some(_) => None,
            },
            Doubt::Unknown => sniff::essence(head, is_whole),
        }
    }
}

/// The content type that the first bytes prove, if the name says another: for example, a photo with the ending of a
/// page, or a drawing with the ending of a photo. But an HTML document with the ending of an image remains an image. A
/// browser shows it neither as a page nor as an image, and a file that a visitor uploaded must not become a page.
fn contradiction(named: &str, head: &[u8]) -> Option<&'static str> {
    // Nearly every page begins like this, and needs no further look.
    let is_markup = matches!(head.first(), Some(b'<' | 0xef | b'\n' | b'\r' | b'\t' | b' '));
    match Kind::of(named) {
        Kind::Text if is_markup => {
            return (named == "text/html").then(|| sniff::feed(head)).flatten();
        }
        Kind::Image if is_markup && named != "image/svg+xml" => {
            return sniff::is_svg(head).then_some("image/svg+xml");
        }
        Kind::Image if is_markup => return None,
        _ => {}
    }
    let found = sniff::proven(head)?;
    let is_other = match (Kind::of(named), Kind::of(found)) {
        // An animated PNG begins like any other PNG, and images in the same container go by several names.
        (Kind::Image, Kind::Image) => {
            let is_alias = matches!(
                (named, found),
                ("image/apng", "image/png") | ("image/heif" | "image/heic-sequence", "image/heic")
            );
            named != found && !is_alias
        }
        (named, found) => named != found,
    };
    is_other.then_some(found)
}

/// Content types of one kind share their containers, or are told apart by the programs that read them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    /// Audio and video.
    Media,
    Font,
    Text,
    Other,
}

impl Kind {
    fn of(essence: &str) -> Kind {
        let starts = |starts: &[&str]| starts.iter().any(|start| essence.starts_with(start));
        match essence {
            _ if starts(&["text/"]) => Kind::Text,
            _ if starts(&["image/"]) => Kind::Image,
            _ if starts(&["audio/", "video/", "application/ogg"]) => Kind::Media,
            _ if starts(&["font/"]) => Kind::Font,
            _ if essence.ends_with("xml") || essence.ends_with("json") => Kind::Text,
            _ => Kind::Other,
        }
    }
}

fn is_binary(essence: &str) -> bool {
    !essence.starts_with("text/") && !essence.ends_with("xml") && essence != "application/json"
}

/// How much the content of a file counts for its content type. `essence` is the type according to its name.
pub fn doubt(key: &str, essence: &str) -> Doubt {
    // The same as below, but faster, because most files of a site are pages.
    if essence == "text/html" && !key.contains(':') {
        return Doubt::Format;
    }
    // Formats that browsers recognise by these names, or that only their own programs read.
    let is_certain = ["image/", "audio/", "video/", "font/"].iter();
    match ending(key).as_str() {
        "ts" | "tsx" | "mts" | "cts" | "rs" | "log" | "conf" => Doubt::Source,
        "key" | "mod" | "java" => Doubt::Unknown,
        "aspx" | "asp" | "jsp" | "dtd" | "wsdl" => Doubt::Document,
        // Mirrors of wikis have pages about files, such as `File:Logo.png`.
        _ if key.rsplit('/').next().unwrap_or(key).contains(':') => Doubt::Document,
        "txt" | "text" => Doubt::Format,
        ending if essence == UNKNOWN_TYPE => match by_name::registered(ending) {
            None => Doubt::Unknown,
            Some(_) => Doubt::None,
        },
        _ if matches!(essence, "text/html" | "text/markdown" | "text/xml") => Doubt::Format,
        _ if essence.ends_with("xml") => Doubt::Format,
        _ if essence.starts_with("model/") => Doubt::None,
        _ if is_certain.clone().any(|start| essence.starts_with(start)) => Doubt::Format,
        _ => Doubt::Document,
    }
}

#[cfg(test)]
mod tests {
    use super::super::essence;
    use super::*;

    #[test]
    fn the_content_decides_where_the_name_does_not() {
        let stream: Vec<u8> = (0..600).map(|n| if n % 188 == 0 { 0x47 } else { 0 }).collect();
        let zip = b"PK\x03\x04".as_slice();
        let rows: &[(&str, &[u8], &str)] = &[
            ("about", b"<!doctype html><p>x", "text/html"),
            ("v1.0", b"<!doctype html><p>x", "text/html"),
            ("feed", b"<?xml version='1.0'?><rss>", "application/rss+xml"),
            (".well-known/openid-configuration", b"{\"issuer\": 1}", "application/json"),
            ("index.php", b"<!DOCTYPE html>", "text/html"),
            ("tags/node.js", b"<!doctype html>", "text/html"),
            ("example.com", b"<html>", "text/html"),
            ("app.js", b"<p>not a document", "text/javascript"),
            ("notes.txt", b"<!doctype html>", "text/plain"),
            ("p.aspx", b"<!doctype html>", "text/html"),
            ("api/index.ts", b"<!doctype html>", "text/html"),
            ("docs/file.rs", b"<html lang=en>", "text/html"),
            ("docs/nginx.conf", b"\n<!DOCTYPE html>", "text/html"),
            ("docs/Cargo.toml", b"<!doctype html>", "text/html"),
            ("a.yaml", b"<!doctype html>", "text/html"),
            ("a.ini", b"<!doctype html>", "text/html"),
            ("a.cfg", b"<!doctype html>", "text/html"),
            ("a.py", b"<!doctype html>", "text/html"),
            ("a.c", b"<!doctype html>", "text/html"),
            ("a.h", b"<!doctype html>", "text/html"),
            ("a.cpp", b"<!doctype html>", "text/html"),
            ("a.java", b"<!doctype html>", "text/html"),
            ("a.dtd", b"<!doctype html>", "text/html"),
            ("a.wsdl", b"<!doctype html>", "text/html"),
            ("wiki/File:Logo.png", b"<!doctype html>", "text/html"),
            ("wiki/File:Logo.png", b"\x89PNG\r\n\x1a\n", "image/png"),
            ("a.c", b"int main;", "text/plain"),
            ("video.ts", &stream, "video/mp2t"),
            ("clip.mts", &stream, "video/mp2t"),
            ("main.ts", b"export const a = 1;", "text/plain"),
            ("page.tsx", b"<div>{a}</div>", "text/plain"),
            ("module.mts", b"export {};", "text/plain"),
            ("blob.rs", b"\0\x01\x02", "application/octet-stream"),
            ("go.mod", b"module example.com/x\n", "text/plain"),
            ("camera.mod", b"\0\0\x01\xba\x44", "video/mpeg"),
            ("gpg.key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "text/plain"),
            ("talk.key", zip, "application/zip"),
            ("photo", b"\x89PNG\r\n\x1a\n", "image/png"),
            ("tool.bin", b"#!/bin/sh\n", "application/octet-stream"),
            ("photo.png", b"<!doctype html>", "image/png"),
        ];
        for (key, head, expected) in rows {
            let by_name = essence(key);
            let told = doubt(key, by_name).essence(by_name, head, true).unwrap_or(by_name);
            assert_eq!(told, *expected, "{key}");
        }
    }
}
