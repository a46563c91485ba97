//! Trying a destination out, step by step, with a small object.

use super::bucket::Bucket;
use super::trouble::Trouble;

/// Name of the object below the prefix. Always the same, so that write-only credentials leave one.
const OBJECT: &str = "ruko-test-destination/probe";
const CONTENT: &[u8] = b"ruko tries this destination out\n";

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Well.
    Ok,
    /// Not asked for, since the credentials may only put.
    NotPossible,
    /// An earlier step failed.
    Skipped,
    /// This came in between.
    Failed(Trouble),
}

impl Bucket {
    /// Puts, asks for, gets, lists and deletes a small object; what failed with the setting to look at.
    pub async fn probe(&self) -> Vec<(&'static str, Probe)> {
        let key = format!("{}{OBJECT}", self.prefix);
        let put = self.put(&key, &mut &CONTENT[..], CONTENT.len() as u64, |_| async { Ok(()) }).await;
        let is_put = put.is_ok();
        let mut steps = vec![("put", told(put.map(|_| ())))];
        let rest = ["head", "get", "list", "delete"];
        if !is_put {
            steps.extend(rest.map(|step| (step, Probe::Skipped)));
        } else if self.is_write_only {
            steps.extend(rest.map(|step| (step, Probe::NotPossible)));
        } else {
            steps.push(("head", told(self.head(&key).await.map(|_| ()).map_err(read_refused))));
            let mut got = Vec::new();
            let outcome = self.get(&key, CONTENT.len() as u64, &mut got).await.map_err(read_refused);
            let is_same = got == CONTENT;
            steps.push(("get", told(outcome.and_then(|()| if is_same { Ok(()) } else { Err(changed()) }))));
            steps.push(("list", told(self.list(&key).await.map_err(read_refused))));
            steps.push(("delete", told(self.remove(&key).await.map_err(delete_refused))));
        }
        steps
    }
}

fn told(outcome: Result<(), Trouble>) -> Probe {
    outcome.map_or_else(Probe::Failed, |()| Probe::Ok)
}

fn changed() -> Trouble {
    Trouble::new("s3_object_changed", "The object came back with another content.")
}

fn read_refused(trouble: Trouble) -> Trouble {
    // An answer to HEAD has no body that could say more.
    if trouble.is_refusal() {
        let text = "The access key may put objects but not read them. When that is meant, set s3.write_only; else look at its policy.";
        return Trouble::new("s3_denied", text);
    }
    trouble
}

fn delete_refused(trouble: Trouble) -> Trouble {
    if trouble.is_refusal() {
        let text =
            "The access key may not delete objects. When that is meant, set s3.write_only; else look at its policy.";
        return Trouble::new("s3_denied", text);
    }
    trouble
}
