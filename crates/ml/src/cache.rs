//! The models of one session, by id.
//!
//! Spark moves models that are not used to disk and loses their summaries on the way. Here they stay
//! in memory, sizes are exact, and only the limits are Spark's.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use uuid::Uuid;
use vonk_common::{SparkError, SparkResult};

use crate::host::MlHost;
use crate::operator::Fitted;
use crate::summary::Summary;

#[derive(Clone)]
pub enum Object {
    Model { fitted: Fitted, summary: Option<Arc<Summary>> },
    Summary(Arc<Summary>),
}

#[derive(Default)]
pub struct Cache {
    objects: Mutex<BTreeMap<String, Object>>,
}

const CONF: &str = "spark.connect.session.connectML.mlCache.memoryControl";

/// Bytes of a setting such as `1g`; none if it is not set or no size.
fn limit(host: &dyn MlHost, key: &str) -> Option<u64> {
    let text = host.conf(&format!("{CONF}.{key}"))?.trim().to_lowercase();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = match text.get(digits.len()..)?.trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(unit)
}

impl Object {
    pub fn size(&self) -> usize {
        match self {
            Object::Model { fitted, .. } => fitted.model.size(),
            Object::Summary(_) => 512,
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Object::Model { fitted, .. } => fitted.model.class().name,
            Object::Summary(_) => "org.apache.spark.ml.util.Summary",
        }
    }
}

impl Cache {
    pub fn fresh_id() -> String {
        Uuid::new_v4().to_string()
    }

    /// Keeps an object under the id. Errors: the size limits of models and of the session.
    pub fn put(&self, host: &dyn MlHost, id: String, object: Object) -> SparkResult<()> {
        let mut objects = self.objects.lock();
        if host.conf(&format!("{CONF}.enabled")).is_none_or(|v| v.trim() == "true") {
            let size = object.size() as u64;
            if let Some(most) = limit(host, "maxModelSize").filter(|most| size > *most) {
                return Err(SparkError::new("CONNECT_ML.MODEL_SIZE_OVERFLOW_EXCEPTION")
                    .param("modelSize", size)
                    .param("modelMaxSize", most));
            }
            let present: usize = objects.values().map(Object::size).sum();
            if let Some(most) = limit(host, "maxStorageSize").filter(|most| present as u64 + size > *most) {
                return Err(
                    SparkError::new("CONNECT_ML.ML_CACHE_SIZE_OVERFLOW_EXCEPTION").param("mlCacheMaxSize", most)
                );
            }
        }
        objects.insert(id, object);
        Ok(())
    }

    /// Errors: an id that is none, `CONNECT_ML.CACHE_INVALID`.
    pub fn get(&self, id: &str) -> SparkResult<Object> {
        Uuid::parse_str(id).map_err(|_| SparkError::internal(format!("Invalid ML object id {id}")))?;
        self.objects.lock().get(id).cloned().ok_or_else(|| {
            SparkError::new("CONNECT_ML.CACHE_INVALID").param("objectName", id).param("evictTimeoutInMinutes", 15)
        })
    }

    pub fn model(&self, id: &str) -> SparkResult<Fitted> {
        match self.get(id)? {
            Object::Model { fitted, .. } => Ok(fitted),
            Object::Summary(_) => Err(SparkError::internal(format!("{id} is no model"))),
        }
    }

    /// Forgets objects. Gives the ids that were there, joined by commas.
    pub fn remove(&self, ids: &[String]) -> String {
        let mut objects = self.objects.lock();
        // One reference may name several objects; those of summaries end with their model.
        let single = ids.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.contains('.'));
        single.filter(|id| objects.remove(*id).is_some()).collect::<Vec<_>>().join(",")
    }

    /// The number of objects forgotten.
    pub fn clear(&self) -> usize {
        std::mem::take(&mut *self.objects.lock()).len()
    }

    /// A JSON object for each.
    pub fn list(&self) -> Vec<String> {
        let objects = self.objects.lock();
        let describe =
            |(id, o): (&String, &Object)| json!({"id": id, "class": o.class(), "size": o.size()}).to_string();
        objects.iter().map(describe).collect()
    }
}
