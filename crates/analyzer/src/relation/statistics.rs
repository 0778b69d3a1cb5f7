//! `describe`, `summary`, `stat.cov`, `stat.corr`, `approxQuantile`, `freqItems`, `sampleBy`,
//! `crosstab`: each said again as aggregates and projections, which the analyzer then takes up.

use std::collections::HashSet;

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::{CastMode, ExprKind, SortOrder};
use vonk_plan::relation::{Aggregate, Grouping};
use vonk_plan::types::{DataType, StructField};
use vonk_plan::{Expr, Literal, Relation, RelationKind};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::env::Env;
use crate::expr::split_name;
use crate::node::Node;
use crate::scope::Scope;

/// What `describe` shows, and `summary` without arguments.
const DESCRIBE: [&str; 5] = ["count", "mean", "stddev", "min", "max"];
const SUMMARY: [&str; 8] = ["count", "mean", "stddev", "min", "25%", "50%", "75%", "max"];
/// `percentile_approx`'s accuracy where Spark's `summary` and `approxQuantile` want the default.
const ACCURACY: i32 = 10_000;

fn string(e: Expr) -> Expr {
    e.cast(DataType::STRING)
}

fn double(e: Expr) -> Expr {
    e.cast(DataType::Double)
}

/// The aggregate of the whole input, without grouping.
fn aggregate(input: &Relation, aggregates: Vec<Expr>) -> Relation {
    Relation::new(RelationKind::Aggregate(Box::new(Aggregate {
        input: input.clone(),
        grouping: Grouping::By(vec![]),
        aggregates,
        with_grouping_columns: true,
    })))
}

/// The column or field of a name with back quotes and dots.
fn path(name: &str) -> SparkResult<Expr> {
    split_name(name).map(Expr::attribute)
}

fn column(f: &StructField) -> Expr {
    Expr::column(f.name.clone())
}

/// A statistic of a column as text; NULL where the type has none.
fn statistic(name: &str, f: &StructField) -> SparkResult<Expr> {
    let own = column(f);
    let numeric = f.data_type.is_numeric();
    let number = match numeric {
        true => own.clone(),
        false => Expr::new(ExprKind::Cast { child: Box::new(own.clone()), to: DataType::Double, mode: CastMode::Try }),
    };
    let call = |f: &str, e: Expr| string(Expr::call(f, vec![e]));
    let lower = name.to_lowercase();
    Ok(match lower.as_str() {
        "count" => call("count", own),
        "count_distinct" => {
            let mut count = vonk_plan::expr::FunctionCall::new(vec!["count".into()], vec![own]);
            count.distinct = true;
            string(Expr::new(ExprKind::Function(count)))
        }
        "approx_count_distinct" => call("approx_count_distinct", own),
        "mean" => call("avg", number),
        "stddev" => call("stddev_samp", number),
        "min" | "max" => call(&lower, own),
        percent if percent.ends_with('%') => {
            let value: f64 = percent.trim_end_matches('%').trim().parse().map_err(|_| unrecognized(name))?;
            if !(0.0..=100.0).contains(&value) {
                let message = "requirement failed: Percentiles must be in the range [0, 1]";
                return Err(SparkError::new("java.lang.IllegalArgumentException").param("message", message));
            }
            let fraction = Expr::literal(Literal::Double(value / 100.0));
            let accuracy = Expr::literal(Literal::Int(ACCURACY));
            string(Expr::call("percentile_approx", vec![number, fraction, accuracy]))
        }
        _ => return Err(unrecognized(name)),
    })
}

fn unrecognized(name: &str) -> SparkError {
    SparkError::new("UNRECOGNIZED_STATISTIC").param("stats", format!("'{name}'"))
}

/// The columns of a name as `Column` takes it: a path with back quotes, or a star.
fn columns_named(name: &str) -> SparkResult<Expr> {
    if name == "*" {
        return Ok(Expr::star());
    }
    Ok(match name.strip_suffix(".*") {
        Some(target) => {
            let target = Some(split_name(target)?);
            Expr::new(ExprKind::Star { target, plan_id: None, except: vec![] })
        }
        None => Expr::attribute(split_name(name)?),
    })
}

/// An aggregate of the column `n` over all rows.
fn over_all(function: &str) -> Expr {
    Expr::new(ExprKind::Window(Box::new(vonk_plan::expr::WindowExpr {
        function: Expr::call(function, vec![Expr::column("n")]),
        partition_by: vec![],
        order_by: vec![],
        frame: None,
        name: None,
    })))
}

/// All values of a column as an array, NULL too where there may be one.
fn listed(name: &str, nullable: bool) -> Expr {
    if !nullable {
        return Expr::call("collect_list", vec![Expr::column(name)]);
    }
    let row = Expr::call("named_struct", vec![Expr::string("item"), Expr::column(name)]);
    let (child, extraction) = (Box::new(Expr::call("collect_list", vec![row])), Box::new(Expr::string("item")));
    Expr::new(ExprKind::Extract { child, extraction })
}

impl Analyzer {
    pub fn describe(&self, input: &Relation, columns: &[String], outer: Outer) -> SparkResult<Node> {
        let names: Vec<String> = DESCRIBE.map(String::from).to_vec();
        if columns.is_empty() {
            return self.statistics(input, &names, outer);
        }
        let chosen = columns.iter().map(|c| columns_named(c)).collect::<SparkResult<Vec<_>>>()?;
        self.statistics(&input.clone().project(chosen), &names, outer)
    }

    pub fn summary(&self, input: &Relation, names: &[String], outer: Outer) -> SparkResult<Node> {
        let all: Vec<String> = if names.is_empty() { SUMMARY.map(String::from).to_vec() } else { names.to_vec() };
        let mut known = HashSet::new();
        if let Some(again) = all.iter().find(|name| !known.insert(name.as_str())) {
            return Err(SparkError::new("DUPLICATED_MAP_KEY")
                .param("key", again)
                .param("mapKeyDedupPolicy", quote_sql("spark.sql.mapKeyDedupPolicy")));
        }
        self.statistics(input, &all, outer)
    }

    /// One row a statistic, one column of text for each numeric or string column.
    fn statistics(&self, input: &Relation, names: &[String], outer: Outer) -> SparkResult<Node> {
        let schema = self.relation(input, outer)?.scope.struct_type();
        let mut chosen: Vec<StructField> = schema.fields.to_vec();
        chosen.retain(|f| f.data_type.is_numeric() || f.data_type.is_string());
        // Spark reads the names of the columns as it would the user's.
        chosen.iter().try_for_each(|f| split_name(&f.name).map(|_| ()))?;
        let mut aggregates = vec![Expr::call("count", vec![Expr::literal(Literal::Int(1))]).alias("rows")];
        let mut rows = vec![];
        for (s, name) in names.iter().enumerate() {
            let mut row = vec![Expr::string("summary"), string(Expr::string(name.as_str()))];
            for (c, field) in chosen.iter().enumerate() {
                let own = format!("s{s}c{c}");
                let is_string = field.data_type.is_string();
                let value = match (is_string, name.ends_with('%')) {
                    (true, true) => string(Expr::literal(Literal::Null(DataType::Null))),
                    _ => statistic(name, field)?,
                };
                aggregates.push(value.alias(own.clone()));
                row.push(Expr::string(field.name.as_str()));
                row.push(Expr::column(own));
            }
            rows.push(Expr::call("named_struct", row));
        }
        let table = aggregate(input, aggregates).project(vec![Expr::call("inline", vec![Expr::call("array", rows)])]);
        let node = self.relation(&table, outer)?;
        let mut columns = node.scope.columns.clone();
        columns.iter_mut().for_each(|c| c.nullable = true);
        Ok(node.with_scope(Scope::new(columns)).sealed())
    }

    pub fn covariance(&self, input: &Relation, a: &str, b: &str, outer: Outer) -> SparkResult<Node> {
        self.check_pair(input, &[a, b], outer)?;
        let pair = vec![self.or_zero(double(path(a)?)), self.or_zero(double(path(b)?))];
        self.relation(&aggregate(input, vec![self.or_zero(Expr::call("covar_samp", pair)).alias("cov")]), outer)
    }

    pub fn correlation(
        &self,
        input: &Relation,
        a: &str,
        b: &str,
        method: Option<&str>,
        outer: Outer,
    ) -> SparkResult<Node> {
        if method.is_some_and(|m| !m.eq_ignore_ascii_case("pearson")) {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.METHOD").param("method", method.unwrap_or_default()));
        }
        self.check_pair(input, &[a, b], outer)?;
        let pair = vec![self.or_zero(double(path(a)?)), self.or_zero(double(path(b)?))];
        let nan = Expr::literal(Literal::Double(f64::NAN));
        let corr = Expr::call("coalesce", vec![Expr::call("corr", pair), nan]);
        self.relation(&aggregate(input, vec![corr.alias("corr")]), outer)
    }

    fn or_zero(&self, e: Expr) -> Expr {
        Expr::call("coalesce", vec![e, Expr::literal(Literal::Double(0.0))])
    }

    /// Error: columns that have no covariance.
    fn check_pair(&self, input: &Relation, names: &[&str], outer: Outer) -> SparkResult<()> {
        let node = self.relation(input, outer)?;
        for name in names {
            let data_type = self.quoted_name(&node, name)?.typed().data_type;
            if !data_type.is_numeric() {
                let message =
                    format!("requirement failed: {data_type} columns have neither covariance nor correlation");
                return Err(SparkError::new("java.lang.IllegalArgumentException").param("message", message));
            }
        }
        Ok(())
    }

    fn check_numeric(&self, input: &Relation, names: &[&str], outer: Outer) -> SparkResult<()> {
        let node = self.relation(input, outer)?;
        for name in names {
            match self.expr(&Env::of(&node, outer), &path(name)?)?.data_type {
                t if t.is_numeric() => {}
                t => {
                    return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
                        .param("sqlExpr", quote_sql(name))
                        .param("paramIndex", "first")
                        .param("requiredType", "\"NUMERIC\"")
                        .param("inputSql", quote_sql(name))
                        .param("inputType", quote_sql(t.sql())));
                }
            }
        }
        Ok(())
    }

    /// One row with an array of arrays: the quantiles of each column.
    pub fn approx_quantile(
        &self,
        input: &Relation,
        columns: &[String],
        probabilities: &[f64],
        relative_error: f64,
        outer: Outer,
    ) -> SparkResult<Node> {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.check_numeric(input, &names, outer)?;
        if let Some(bad) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.PERCENTAGE").param("value", bad));
        }
        let accuracy = if relative_error > 0.0 { (1.0 / relative_error).min(f64::from(i32::MAX)) } else { 1e6 };
        let fractions: Vec<Expr> = probabilities.iter().map(|p| Expr::literal(Literal::Double(*p))).collect();
        let empty = Expr::call("array", vec![]).cast(DataType::array(DataType::Double, false));
        let of = |c: &String| -> SparkResult<Expr> {
            let value =
                Expr::call("nanvl", vec![double(path(c)?), double(Expr::literal(Literal::Null(DataType::Null)))]);
            let accuracy = Expr::literal(Literal::Int(accuracy as i32));
            let all = Expr::call("percentile_approx", vec![value, Expr::call("array", fractions.clone()), accuracy]);
            Ok(Expr::call("coalesce", vec![all, empty.clone()]))
        };
        let arrays = Expr::call("array", columns.iter().map(of).collect::<SparkResult<Vec<_>>>()?);
        self.relation(&aggregate(input, vec![arrays.alias("approx_quantile")]), outer)
    }

    /// One row with, for each column, the values that more than `support` of the rows have; all values, if those are
    /// no more than Spark keeps count of.
    pub fn freq_items(&self, input: &Relation, columns: &[String], support: f64, outer: Outer) -> SparkResult<Node> {
        if !(1e-4..=1.0).contains(&support) {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.SUPPORT").param("support", support));
        }
        let node = self.relation(input, outer)?;
        let mut items = vec![];
        let kept_counts = (1.0 / support) as i64;
        for name in columns {
            let nullable = self.expr(&Env::of(&node, outer), &path(name)?)?.nullable;
            let own = path(name)?;
            let counted = Relation::new(RelationKind::Aggregate(Box::new(Aggregate {
                input: input.clone(),
                grouping: Grouping::By(vec![own.clone().alias("item")]),
                aggregates: vec![Expr::call("count", vec![Expr::literal(Literal::Int(1))]).alias("n")],
                with_grouping_columns: true,
            })));
            let with_total = Relation::new(RelationKind::WithColumns {
                input: Box::new(counted),
                columns: vec![over_all("sum").alias("total"), over_all("count").alias("different")],
            });
            let few = Expr::call("<=", vec![Expr::column("different"), Expr::literal(Literal::Long(kept_counts))]);
            let least = Expr::call("*", vec![double(Expr::column("total")), Expr::literal(Literal::Double(support))]);
            let often = Expr::call(">=", vec![double(Expr::column("n")), least]);
            let kept = with_total.filter(Expr::call("or", vec![few, often]));
            items.push((name, aggregate(&kept, vec![listed("item", nullable).alias("items")])));
        }
        let mut out: Option<Relation> = None;
        for (name, list) in items {
            let named = list.project(vec![Expr::column("items").alias(format!("{name}_freqItems"))]);
            out = Some(match out {
                None => named,
                Some(left) => Relation::new(RelationKind::Join(Box::new(vonk_plan::relation::Join {
                    left,
                    right: named,
                    kind: vonk_plan::relation::JoinKind::Cross,
                    condition: vonk_plan::relation::JoinCondition::None,
                    lateral: false,
                }))),
            });
        }
        match out {
            Some(r) => self.relation(&r, outer),
            None => Err(SparkError::internal("freqItems without columns")),
        }
    }

    /// Keeps each row with the probability of its stratum.
    pub fn sample_by(
        &self,
        input: &Relation,
        by: &Expr,
        fractions: &[(Literal, f64)],
        seed: Option<i64>,
        outer: Outer,
    ) -> SparkResult<Node> {
        let mut arms = vec![];
        for (stratum, fraction) in fractions {
            let same = Expr::call("<=>", vec![by.clone(), Expr::literal(stratum.clone())]);
            arms.push(same);
            arms.push(Expr::literal(Literal::Double(*fraction)));
        }
        arms.push(Expr::literal(Literal::Double(0.0)));
        let random = Expr::call("rand", vec![Expr::literal(Literal::Long(seed.unwrap_or(0)))]);
        let chance = if arms.len() == 1 { Expr::literal(Literal::Double(0.0)) } else { Expr::call("when", arms) };
        self.relation(&input.clone().filter(Expr::call("<", vec![random, chance])), outer)
    }

    /// A table of counts: a row for each value of `a`, a column for each value of `b`.
    pub fn crosstab(&self, input: &Relation, a: &str, b: &str, outer: Outer) -> SparkResult<Node> {
        let text = |c: &str| {
            let null = Expr::string("null");
            Expr::call("coalesce", vec![string(Expr::column(c)), null])
        };
        let first = format!("{a}_{b}");
        let pairs = input.clone().project(vec![text(a).alias(first.clone()), text(b).alias("value")]);
        let pivot = Relation::new(RelationKind::Aggregate(Box::new(Aggregate {
            input: pairs,
            grouping: Grouping::Pivot {
                by: vec![Expr::column(first.clone())],
                column: Box::new(Expr::column("value")),
                values: vec![],
            },
            aggregates: vec![Expr::call("count", vec![Expr::literal(Literal::Int(1))])],
            with_grouping_columns: true,
        })));
        let filled = Relation::new(RelationKind::FillNa {
            input: Box::new(pivot),
            columns: vec![],
            values: vec![Literal::Long(0)],
        });
        let sorted = Relation::new(RelationKind::Sort {
            input: Box::new(filled),
            order: vec![SortOrder::asc(Expr::column(first))],
            global: true,
        });
        let node = self.relation(&sorted, outer)?;
        let mut columns = node.scope.columns.clone();
        columns.iter_mut().take(1).for_each(|c| c.nullable = true);
        Ok(node.with_scope(Scope::new(columns)))
    }

    /// The distinct values of a pivot column, in order. Error when there are too many.
    pub fn pivot_values(&self, input: &Relation, column: &Expr) -> SparkResult<Vec<Literal>> {
        let most = self.facts().conf.i64("spark.sql.pivotMaxValues").unwrap_or(10_000);
        let values = input.clone().project(vec![column.clone().alias("value")]);
        let values = Relation::new(RelationKind::Distinct { input: Box::new(values) });
        let values = Relation::new(RelationKind::Sort {
            input: Box::new(values),
            order: vec![SortOrder::asc(Expr::column("value"))],
            global: true,
        });
        let limit = Expr::literal(Literal::Int(i32::try_from(most + 1).unwrap_or(i32::MAX)));
        let values = Relation::new(RelationKind::Limit { input: Box::new(values), limit });
        let (schema, batches) = self.resolver().collect(&values)?;
        let Some(field) = schema.fields.first() else { return Ok(vec![]) };
        let mut out = vec![];
        for batch in batches {
            for row in 0..batch.num_rows() {
                let value = datafusion::common::ScalarValue::try_from_array(batch.column(0), row);
                out.push(vonk_expr::literal::from_scalar(&value.map_err(vonk_expr::spark_error)?, &field.data_type)?);
            }
        }
        if i64::try_from(out.len()).is_ok_and(|n| n > most) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1324")
                .param("pivotColumn", quote_id([&field.name]))
                .param("maxValues", most)
                .param("config", "spark.sql.pivotMaxValues"));
        }
        Ok(out)
    }
}
