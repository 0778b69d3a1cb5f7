//! `Config`: settings read and written.

use proto::KeyValue;
use proto::config_request::operation::OpType;
use spark_connect_proto as proto;
use tonic::Status;
use vonk_common::error::quote_sql;
use vonk_common::{SessionConf, SparkError, SparkResult};

use crate::error::plain;
use crate::service::Shared;
use crate::session::Session;

/// Settings that have no effect on a server: setting them warns.
const WITHOUT_EFFECT: &[&str] =
    &["spark.sql.execution.arrow.enabled", "spark.sql.execution.arrow.pyspark.fallback.enabled"];

/// Where the server's default is not Spark's: there is no JVM whose stack clients could show.
const OWN_DEFAULTS: &[(&str, &str)] = &[("spark.sql.connect.serverStacktrace.enabled", "false")];

fn value<'c>(conf: &'c SessionConf, key: &str) -> Option<&'c str> {
    let own = OWN_DEFAULTS.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
    conf.get_explicit(key).or(own).or_else(|| conf.get(key))
}

#[derive(Default)]
struct Answer {
    pairs: Vec<KeyValue>,
    warnings: Vec<String>,
}

impl Shared {
    pub async fn config(&self, r: proto::ConfigRequest) -> Result<proto::ConfigResponse, Status> {
        let session = self.session(r.user_context, r.session_id, r.client_observed_server_side_session_id).await?;
        let answer = answer(&session, r.operation.and_then(|o| o.op_type)).map_err(|e| session.status(e))?;
        Ok(proto::ConfigResponse {
            session_id: session.key.id.clone(),
            server_side_session_id: session.server_id.clone(),
            pairs: answer.pairs,
            warnings: answer.warnings,
        })
    }
}

fn answer(session: &Session, operation: Option<OpType>) -> SparkResult<Answer> {
    let conf = session.backend.conf();
    let mut answer = Answer::default();
    match operation {
        Some(OpType::Set(set)) => {
            let silent = set.silent.unwrap_or(false);
            for pair in set.pairs {
                answer.warn(&pair.key);
                if let Err(e) = write(&mut conf.write(), &pair) {
                    if !silent {
                        return Err(e);
                    }
                    let value = pair.value.map_or("None".to_string(), |v| format!("Some({v})"));
                    answer.warnings.push(format!("Failed to set {} to {value} due to {}", pair.key, e.message()));
                }
            }
        }
        Some(OpType::Get(get)) => {
            for key in get.keys {
                let value = value(&conf.read(), &key).map(str::to_string);
                let missing = || SparkError::new("SQL_CONF_NOT_FOUND").param("sqlConf", quote_sql(&key));
                let value = value.ok_or_else(missing)?;
                answer.add(key, Some(value));
            }
        }
        Some(OpType::GetWithDefault(get)) => {
            for pair in get.pairs {
                let conf = conf.read();
                if let Some(default) = &pair.value {
                    SessionConf::check_type(&pair.key, default)?;
                }
                let value = match (conf.get_explicit(&pair.key), &pair.value) {
                    (Some(value), _) => Some(value),
                    (None, Some(default)) => Some(default.as_str()),
                    (None, None) => value(&conf, &pair.key),
                };
                answer.add(pair.key.clone(), value.map(str::to_string));
            }
        }
        Some(OpType::GetOption(get)) => {
            for key in get.keys {
                let value = value(&conf.read(), &key).map(str::to_string);
                answer.add(key, value);
            }
        }
        Some(OpType::GetAll(all)) => {
            let prefix = all.prefix.unwrap_or_default();
            for (key, value) in conf.read().explicit() {
                if let Some(rest) = key.strip_prefix(&prefix) {
                    answer.pairs.push(KeyValue { key: rest.to_string(), value: Some(value.to_string()) });
                }
            }
        }
        Some(OpType::Unset(unset)) => {
            for key in unset.keys {
                answer.warn(&key);
                conf.write().unset(&key)?;
            }
        }
        Some(OpType::IsModifiable(ask)) => {
            for key in ask.keys {
                let modifiable = SessionConf::is_modifiable(&key).to_string();
                answer.add(key, Some(modifiable));
            }
        }
        None => return Err(plain("java.lang.UnsupportedOperationException", " not supported.")),
    }
    Ok(answer)
}

fn write(conf: &mut SessionConf, pair: &KeyValue) -> SparkResult<()> {
    match &pair.value {
        Some(value) => conf.set(&pair.key, value),
        None => Err(plain(
            "java.lang.IllegalArgumentException",
            format!("requirement failed: value cannot be null for key: {}", pair.key),
        )),
    }
}

impl Answer {
    fn add(&mut self, key: String, value: Option<String>) {
        self.warn(&key);
        self.pairs.push(KeyValue { key, value });
    }

    fn warn(&mut self, key: &str) {
        if WITHOUT_EFFECT.contains(&key) {
            self.warnings.push(format!("The SQL config '{key}' is NOT supported in Spark Connect"));
        }
    }
}
