//! The records of earlier deploys, each under the name of its deploy. `rollback` restores a deploy from its record.
//!
//! A record is copied aside before the deploy that replaces it changes anything. It is complete then, and no longer
//! while that deploy writes.

use serde::{Deserialize, Serialize};

use super::{Deploy, Record, text};
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::hint::{Command, Hint, Subcommand};
use crate::base::schema_version;
use crate::base::tool_folder::{BEGUN, EARLIER, RECORD, UNREADABLE};
use crate::bucket::{Bucket, Condition, LastModified, Written};

/// How many earlier deploys are remembered.
pub const KEPT: usize = 10;

/// Copies the record aside before it is overwritten, and adds its name to `earlier`. A record that cannot be read is
/// kept too, because a newer version of this tool may be able to read it. Only the latest such record is kept.
pub(crate) async fn set_aside(
    bucket: &Bucket,
    record: &Record,
    earlier: &mut Vec<String>,
) -> Result<(), Failure> {
    let Some(etag) = &record.etag else { return Ok(()) };
    let name = match &record.deploy {
        _ if record.is_unreadable => UNREADABLE.to_owned(),
        // If a deploy was interrupted, it had already set the complete record aside. A rollback has the same record as
        // the deploy that it restored.
        Some(deploy) if !earlier.contains(&deploy.id()) && !earlier.contains(&deploy.origin()) => {
            earlier.push(deploy.id());
            format!("{EARLIER}{}", deploy.id())
        }
        _ => return Ok(()),
    };
    if bucket.copy_own(RECORD, &name, etag).await? {
        return Ok(());
    }
    match bucket.look(RECORD).await?.object {
        Some(object) => bucket.put_own(&name, object.body, Condition::None).await.map(drop),
        None => Ok(()),
    }
}

/// Deletes the oldest records, so that only `KEPT` stay, and the record of the deploy that is live again.
pub(crate) async fn forget(
    bucket: &Bucket,
    earlier: &[String],
    own_entry: Option<&str>,
) -> Result<(), Failure> {
    let (own, mut names): (Vec<&str>, Vec<&str>) =
        earlier.iter().map(String::as_str).partition(|name| Some(*name) == own_entry);
    names.sort_unstable();
    names.truncate(names.len().saturating_sub(KEPT));
    for name in own.into_iter().chain(names) {
        bucket.delete_own(&format!("{EARLIER}{name}"), None).await?;
    }
    Ok(())
}

/// The record of an earlier deploy, by its name.
pub async fn read_earlier(bucket: &Bucket, name: &str) -> Result<Record, Failure> {
    let reading = || failed(format!("failed to read the record of the deploy `{name}`"));
    let object = bucket.look(&format!("{EARLIER}{name}")).await?.object;
    let gone = Hint::from("it is no longer there: ").then(Command::of(Subcommand::Status));
    let object = object.ok_or_else(|| reading().hint(gone))?;
    let until = LastModified::of_seconds(object.modified);
    text::parse(&object.body, bucket.prefix().as_str(), until).map_err(|reason| {
        let mut failure = reading();
        failure.causes.push(format!("it {reason}"));
        failure
    })
}

/// Announces a deploy before its first change: if it is interrupted, nothing else says what it was going to deploy.
/// Returns the ETag of the announcement. The announcement stays after the deploy; the record says whether it ended.
pub(crate) async fn begin(bucket: &Bucket, deploy: &Deploy) -> Result<Option<Etag>, Failure> {
    let begun = Begun { version: VERSION, deploy: deploy.clone() };
    let body = serde_json::to_vec(&begun)
        .map_err(|error| failed("failed to write what is begun").because(&error))?;
    Ok(match bucket.put_own(BEGUN, body, Condition::None).await? {
        Written::Done(etag) => Some(etag.as_str().into()),
        _ => None,
    })
}

/// The deploy that was announced last; `None` if there is none or it cannot be read.
pub async fn read_begun(bucket: &Bucket) -> Result<Option<Deploy>, Failure> {
    let Some(object) = bucket.look(BEGUN).await?.object else { return Ok(None) };
    let begun = schema_version::check(&object.body, VERSION).ok();
    let begun = begun.and_then(|_| serde_json::from_slice::<Begun>(&object.body).ok());
    Ok(begun.map(|begun| begun.deploy))
}

/// The format of the announcement.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Begun {
    version: u32,
    deploy: Deploy,
}

/// The description of an earlier deploy, from the beginning of its record; `None` if it cannot be read.
pub async fn read_deploy(bucket: &Bucket, name: &str) -> Result<Option<Deploy>, Failure> {
    read_first_line(bucket, &format!("{EARLIER}{name}")).await
}

/// The description of the deploy that is live, from the beginning of its record; `None` if it cannot be read.
pub async fn read_live(bucket: &Bucket) -> Result<Option<Deploy>, Failure> {
    read_first_line(bucket, RECORD).await
}

async fn read_first_line(bucket: &Bucket, name: &str) -> Result<Option<Deploy>, Failure> {
    let beginning = bucket.look_at_beginning(name, BEGINNING).await?;
    Ok(beginning.and_then(|bytes| text::parse_deploy(&bytes)))
}

/// In bytes. The first line of a record is shorter, unless there are very many rules for headers.
const BEGINNING: u64 = 16 << 10;
