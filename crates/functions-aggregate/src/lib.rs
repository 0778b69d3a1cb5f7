//! Aggregate and window functions, sketches.
//!
//! One file per function (or per family of tiny ones); each exports its `FunctionSpec`s, and
//! [`specs`] lists them all for the registry. Aggregates of our own are [`udaf::Aggregate`] statics,
//! found again by name with [`aggregate`].

use datafusion::logical_expr::AggregateUDF;
use vonk_expr::FunctionSpec;

pub mod avg;
mod build;
pub mod codec;
pub mod collect;
pub mod count;
pub mod counter;
mod distinct;
pub mod extreme_by;
pub mod first_last;
mod gather;
mod groups;
pub mod histogram;
pub mod listagg;
pub mod logical;
pub mod min_max;
pub mod mode;
pub mod pandas;
pub mod percentile;
pub mod product;
pub mod registers;
pub mod regression;
pub mod sketch;
mod sliding;
pub mod statistics;
pub mod sum;
pub mod udaf;
pub mod variant_schema;
pub mod vector;
pub mod window;

/// Every function of this crate.
pub fn specs() -> Vec<&'static FunctionSpec> {
    let plain = [
        avg::SPECS,
        collect::SPECS,
        count::SPECS,
        extreme_by::SPECS,
        first_last::SPECS,
        histogram::SPECS,
        listagg::SPECS,
        logical::SPECS,
        min_max::SPECS,
        mode::SPECS,
        pandas::SPECS,
        percentile::SPECS,
        product::SPECS,
        registers::SPECS,
        regression::SPECS,
        statistics::SPECS,
        sum::SPECS,
        variant_schema::SPECS,
        vector::SPECS,
        window::SPECS,
    ];
    [plain.concat(), sketch::specs()].concat()
}

/// Every aggregate of this crate.
fn aggregates() -> Vec<&'static udaf::Aggregate> {
    let single: &[&'static udaf::Aggregate] = &[
        &avg::AVG,
        &collect::COLLECT_LIST,
        &collect::COLLECT_SET,
        &collect::COLLECT_UNION,
        &logical::DISTINCT_XOR,
        &extreme_by::EXTREME_BY,
        &extreme_by::EXTREMES_BY,
        &first_last::FIRST,
        &first_last::LAST,
        &histogram::HISTOGRAM,
        &listagg::LISTAGG,
        &mode::MODE,
        &pandas::EWM,
        &pandas::MODE,
        &pandas::NULL_INDEX,
        &pandas::PRODUCT,
        &percentile::PERCENTILE,
        &product::PRODUCT,
        &sum::SUM,
        &variant_schema::SCHEMA_OF_VARIANT_AGG,
        &vector::VECTOR_AVG,
        &vector::VECTOR_SUM,
    ];
    [single, registers::AGGREGATES, sketch::AGGREGATES, statistics::AGGREGATES].concat()
}

/// Does the result follow the order of the rows, so that a sort below is not to be left out?
pub fn follows_order(function: &AggregateUDF) -> bool {
    const ORDERED: &[&udaf::Aggregate] =
        &[&collect::COLLECT_LIST, &first_last::FIRST, &first_last::LAST, &listagg::LISTAGG];
    let own = function.inner().downcast_ref::<udaf::AggregateUdf>();
    own.is_some_and(|f| ORDERED.iter().any(|o| o.name == f.call.aggregate.name))
}

/// The aggregate of that name, for plans that come back from the wire.
pub fn aggregate(name: &str) -> Option<&'static udaf::Aggregate> {
    aggregates().into_iter().find(|a| a.name == name)
}
