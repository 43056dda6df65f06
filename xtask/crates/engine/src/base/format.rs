//! The number of the format that an object of the tool's own was written in. Whoever reads it may be older or
//! newer than whoever wrote it, so it stands in every such object, and is read before anything else.

use serde::Deserialize;

/// Says why an object in JSON with a `version` cannot be read by a tool that knows the formats up to `newest`.
pub fn check(json: &[u8], newest: u32) -> Result<u32, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let version = serde_json::from_slice::<Version>(json).map_err(garbled)?.version;
    match version > newest {
        true => Err(format!("was written by a newer version of this tool (format {version})")),
        false => Ok(version),
    }
}

/// What is said of an object that is none.
pub fn garbled(error: impl std::fmt::Display) -> String {
    format!("cannot be read ({error})")
}
