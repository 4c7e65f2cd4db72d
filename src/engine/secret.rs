//! Verbs on secrets, and what `create` takes of them for a container.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::container::ContainerSpec;
use crate::container::spec::SecretPlace;
use crate::engine::{Engine, Error, Kind, Result};
use crate::events::Subject;
use crate::runtime::plan;
use crate::secret::SecretError;

pub use crate::secret::{IfTaken, MAX_SIZE, Secret};

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Error {
        let kind = match &error {
            SecretError::NotFound(_) => Kind::NotFound,
            SecretError::NameTaken(_) => Kind::Conflict,
            SecretError::Ambiguous { .. } | SecretError::Invalid(_) => Kind::InvalidParameter,
            SecretError::Version { .. } | SecretError::Io { .. } | SecretError::Corrupt { .. } => {
                Kind::System
            }
        };
        Error::of(kind, error)
    }
}

impl Engine {
    pub fn create_secret(
        &self,
        name: &str,
        value: &[u8],
        labels: BTreeMap<String, String>,
        if_taken: IfTaken,
    ) -> Result<Secret> {
        let (secret, is_new) = self.secrets.create(name, value, labels, if_taken)?;
        if is_new {
            self.journal.append(&Subject::secret(&secret.id, &secret.name).event("create"));
        }
        Ok(secret)
    }

    /// Removes it for those who come; containers keep the copies that they were created with.
    pub fn remove_secret(&self, name: &str) -> Result<Secret> {
        let secret = self.secrets.remove(name)?;
        self.journal.append(&Subject::secret(&secret.id, &secret.name).event("remove"));
        Ok(secret)
    }

    /// podman's JSON of a secret; the value where `reveal` asks for it.
    pub fn inspect_secret(&self, name: &str, reveal: bool) -> Result<Value> {
        let (secret, value) = match reveal {
            true => {
                let (secret, value) = self.secrets.reveal(name)?;
                (secret, Some(value))
            }
            false => (self.secrets.find(name)?, None),
        };
        let mut shown = json!({
            "ID": secret.id,
            "CreatedAt": secret.created.to_string(),
            // It is replaced as a whole or not at all.
            "UpdatedAt": secret.created.to_string(),
            "Spec": {
                "Name": secret.name,
                "Labels": secret.labels,
                "Driver": { "Name": "file", "Options": {} },
            },
        });
        if let Some(value) = value {
            shown["SecretData"] = String::from_utf8_lossy(&value).into();
        }
        Ok(shown)
    }

    /// The values of the secrets that a container is to have; the wish then names them as they are.
    pub(super) fn take_secrets(&self, spec: &mut ContainerSpec) -> Result<Vec<Vec<u8>>> {
        let mut values = Vec::new();
        for wish in &mut spec.secrets {
            let (secret, value) = self.secrets.reveal(&wish.name).map_err(|error| match error {
                // Not `NotFound`, which of `create` says that the image is not here.
                SecretError::NotFound(_) => Error::of(Kind::InvalidParameter, error),
                other => other.into(),
            })?;
            if let SecretPlace::Env { .. } = wish.place {
                plan::secrets::text(&secret.name, &value)?;
            }
            (wish.name, wish.id) = (secret.name, secret.id);
            values.push(value);
        }
        Ok(values)
    }
}
