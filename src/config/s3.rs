//! `[s3]`: the bucket that copies of backups go to.

use secrecy::SecretString;

use super::section::section;
use super::url::BaseUrl;

section! {
    /// The bucket that copies of backups go to, at Amazon or at any service that speaks S3.
    pub struct S3 = "s3" {
        /// Name of the bucket. Unset: backups stay on this machine only.
        bucket: Option<String> = None;
        /// Id of the access key.
        access_key_id: Option<String> = None;
        /// The secret of the access key.
        secret_access_key: Option<SecretString> = None;
        /// Region of the bucket.
        region: String = "us-east-1".to_owned();
        /// Where the service is. Unset: Amazon.
        endpoint: Option<BaseUrl> = None;
        /// Whether the bucket stands in the path of addresses rather than in the host's name.
        path_style: bool = false;
        /// What the names of all objects begin with, such as `ruko`.
        prefix: Option<String> = None;
        /// Whether the access key may only put objects: then nothing is read, checked or deleted from here.
        write_only: bool = false;
        /// Whether new backups are copied. With `false` the copies that are there stay of use.
        upload: bool = true;
        /// Copies that are sent at once, each with 8 MiB of memory.
        at_once: usize = 2, within 1..=4;
        /// Seconds that the service has for one request of at most 8 MiB.
        timeout_secs: u64 = 60, within 1..=3600;
    }
}

impl S3 {
    /// Which settings a bucket lacks, by name and variable; none when there is no bucket.
    pub(super) fn lacking(&self) -> Vec<&'static str> {
        let key_id = self.access_key_id.is_none().then_some("s3.access_key_id (AWS_ACCESS_KEY_ID)");
        let secret = self.secret_access_key.is_none().then_some("s3.secret_access_key (AWS_SECRET_ACCESS_KEY)");
        key_id.into_iter().chain(secret).filter(|_| self.bucket.is_some()).collect()
    }
}
