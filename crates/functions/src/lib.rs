//! The registry: every built-in function of every family by name, and every kernel by name for
//! plans that come back from the wire.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use datafusion::logical_expr::ScalarUDF;
use vonk_expr::kernel::KernelUdf;
use vonk_expr::{FunctionSpec, INTERNAL, Kernel};

mod listed;

pub use vonk_functions_aggregate::follows_order;

/// Java's regular expressions, where others than functions need them.
pub use vonk_functions_string::java_regex;

/// The rows of JSON_TABLE, which has a syntax of its own.
pub use vonk_functions_string::json::table as json_table;

/// The hash of rows that Spark partitions by.
pub use vonk_functions_math::hash::fold::murmur_rows;

static FUNCTIONS: LazyLock<BTreeMap<&'static str, &'static FunctionSpec>> = LazyLock::new(|| {
    let families = [
        vonk_functions_math::specs(),
        vonk_functions_string::specs(),
        vonk_functions_datetime::specs(),
        vonk_functions_collection::specs(),
        vonk_functions_aggregate::specs(),
        vonk_ml::sql::specs(),
        listed::SPECS.to_vec(),
    ];
    let mut out = BTreeMap::new();
    for spec in families.into_iter().flatten() {
        out.insert(spec.name, spec);
        out.extend(spec.aliases.iter().map(|alias| (*alias, spec)));
    }
    out
});

static KERNELS: LazyLock<HashMap<&'static str, &'static Kernel>> = LazyLock::new(|| {
    let used = FUNCTIONS.values().flat_map(|f| f.kernels.iter().copied());
    used.chain(
        vonk_expr::cast::KERNELS
            .iter()
            .chain(vonk_expr::extract::KERNELS)
            .chain(vonk_expr::collation::KERNELS)
            .chain(vonk_expr::order::KERNELS)
            .copied()
            .chain([&json_table::ROWS]),
    )
    .map(|k| (k.name, k))
    .collect()
});

/// The function of that name (in lower case), or of that alias.
pub fn lookup(name: &str) -> Option<&'static FunctionSpec> {
    FUNCTIONS.get(name).copied()
}

/// Whether the function is `x IN (a, b)` of any expressions.
pub fn is_in_list(function: &ScalarUDF) -> bool {
    let kernel = function.inner().downcast_ref::<KernelUdf>().map(|udf| udf.call.kernel);
    kernel.is_some_and(|k| std::ptr::eq(k, &vonk_functions_math::operator::membership::IN_LIST))
}

/// Whether the kernel gives `monotonically_increasing_id`, which has a node of its own in a plan.
pub fn is_row_id(kernel: &Kernel) -> bool {
    std::ptr::eq(kernel, vonk_functions_math::math::random::row_id())
}

/// Whether the kernel gives `input_file_name`, which is a column of the source.
pub fn is_input_file(kernel: &Kernel) -> bool {
    std::ptr::eq(kernel, &vonk_functions_math::misc::session::INPUT_FILE_NAME)
}

/// All names and aliases that users are told of, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().filter(|(_, f)| f.group != INTERNAL).map(|(name, _)| *name)
}

/// The kernel of that name.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.get(name).copied()
}
