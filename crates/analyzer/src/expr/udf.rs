//! User code that travels with the query: its arguments are analysed here, the call is made by the
//! engine.

use std::sync::Arc;

use vonk_common::{Origin, SparkResult};
use vonk_expr::{SqlText, TypedExpr};
use vonk_plan::expr::UdfCall;

use crate::analyzer::Analyzer;
use crate::env::Env;

impl Analyzer {
    pub fn udf(&self, env: &Env, call: &UdfCall, at: Option<&Arc<Origin>>) -> SparkResult<TypedExpr> {
        let mut args = vec![];
        for e in &call.args {
            for item in self.expand_star(env, e)? {
                args.push(item.typed());
            }
        }
        let text = SqlText::call(&call.name, args.iter().map(|a| a.sql.clone()));
        let mut out = self.resolver().udf(&self.fn_context(&call.name, at), call, args)?;
        out.sql = text;
        out.foldable = false;
        Ok(out)
    }
}
