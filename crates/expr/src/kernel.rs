//! Kernels: columnar functions over Arrow arrays, and the DataFusion function that wraps them.
//!
//! A [`Kernel`] is a static: its name is how a serialised plan finds it again. What else a call
//! needs (types, ANSI mode, time zone, constant parameters) is in its [`Call`], plain data that
//! travels with the plan.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use vonk_common::{Origin, SparkError, SparkResult};
use vonk_plan::types::DataType;

use crate::arrow_types::to_arrow;
use crate::cast::CAST;
use crate::coercion::can_up_cast;

/// What a kernel computes: arguments and number of rows to a column of `to_arrow(&call.return_type)`.
pub type Eval = fn(&Call, &[ColumnarValue], usize) -> DfResult<ColumnarValue>;

pub struct Kernel {
    /// Unique among all kernels.
    pub name: &'static str,
    pub volatility: Volatility,
    pub eval: Eval,
    /// No values of its arguments make it raise, so it may be computed for rows that are not wanted.
    pub total: bool,
    /// Without ANSI no values make it raise either.
    pub ansi_only: bool,
    /// Spark computes a call with constant arguments when it plans.
    pub folds: bool,
    /// What Spark prepares before it has rows, of a second argument that is constant: a pattern, a zone.
    pub prepare: Option<Prepare>,
    pub looks: Looks,
}

/// Error: that of a text which no row can be computed with.
pub type Prepare = fn(&Call, &str) -> SparkResult<()>;

/// How far Spark's form of a call looks at its arguments, which it evaluates one after the other, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// At all of them, whichever are NULL.
    AtAll,
    /// A NULL argument is the whole answer.
    UntilNull,
    /// The same from the last argument on, as of the divisor.
    UntilNullFromRight,
    /// The same, and a zero on the right is the whole answer, too: the divisor's, where that is no error.
    UntilZeroFromRight,
    /// A NULL of the first so many arguments is the whole answer: a NULL of the others is a value.
    UntilNullOf(usize),
    /// The last argument comes first, and its NULL alone is the whole answer.
    UntilNullOfLast,
    /// At the first, and unless that is NULL at the others until one is equal to it.
    UntilEqual,
}

impl Kernel {
    /// A kernel whose result depends on its arguments (and the call's data) only.
    pub const fn new(name: &'static str, eval: Eval) -> Self {
        Kernel {
            name,
            volatility: Volatility::Immutable,
            eval,
            total: false,
            ansi_only: false,
            folds: true,
            prepare: None,
            looks: Looks::UntilNull,
        }
    }

    /// The same of one that raises on no values: conditions of it need no order, and can become join keys.
    pub const fn total(name: &'static str, eval: Eval) -> Self {
        Kernel { total: true, ..Kernel::new(name, eval) }
    }

    pub const fn volatile(name: &'static str, eval: Eval) -> Self {
        Kernel {
            name,
            volatility: Volatility::Volatile,
            eval,
            total: false,
            ansi_only: false,
            folds: false,
            prepare: None,
            looks: Looks::AtAll,
        }
    }

    pub const fn ansi_only(self) -> Self {
        Kernel { ansi_only: true, ..self }
    }

    pub const fn not_folded(self) -> Self {
        Kernel { folds: false, ..self }
    }

    pub const fn prepared(self, prepare: Prepare) -> Self {
        Kernel { prepare: Some(prepare), ..self }
    }

    pub const fn right_first(self) -> Self {
        Kernel { looks: Looks::UntilNullFromRight, ..self }
    }

    pub const fn divisor_first(self) -> Self {
        Kernel { looks: Looks::UntilZeroFromRight, ..self }
    }

    pub const fn eager(self) -> Self {
        Kernel { looks: Looks::AtAll, ..self }
    }

    pub const fn until_null_of(self, first: usize) -> Self {
        Kernel { looks: Looks::UntilNullOf(first), ..self }
    }

    pub const fn until_null_of_last(self) -> Self {
        Kernel { looks: Looks::UntilNullOfLast, ..self }
    }

    pub const fn until_equal(self) -> Self {
        Kernel { looks: Looks::UntilEqual, ..self }
    }

    /// Is any NULL among the arguments the whole answer?
    pub const fn stops_at_null(&self) -> bool {
        self.stops_at_null_of() == usize::MAX
    }

    /// Of how many arguments, from the first one on, is a NULL that is written the whole answer to Spark's optimizer?
    pub const fn stops_at_null_of(&self) -> usize {
        match self.looks {
            Looks::UntilNull | Looks::UntilNullFromRight | Looks::UntilZeroFromRight => usize::MAX,
            Looks::UntilEqual => 1,
            Looks::UntilNullOf(_) | Looks::UntilNullOfLast | Looks::AtAll => 0,
        }
    }
}

/// One call of a kernel: all that it knows besides its arguments.
#[derive(Clone)]
pub struct Call {
    pub kernel: &'static Kernel,
    pub arg_types: Arc<[DataType]>,
    pub return_type: DataType,
    pub ansi: bool,
    pub time_zone: Arc<str>,
    /// Constant parameters of the kernel, in its own order.
    pub params: Arc<[String]>,
    /// Where the call stands in the user's text: for run-time errors.
    pub origin: Option<Arc<Origin>>,
}

impl Call {
    pub fn arrow_return_type(&self) -> Arrow {
        to_arrow(&self.return_type)
    }

    /// Whether some values of the arguments make it raise.
    pub fn can_raise(&self) -> bool {
        let widens = || match self.arg_types.first() {
            // Ten digits of a decimal pass for an INT, which does not hold them all.
            Some(DataType::Decimal(..)) if self.return_type.is_integral() => false,
            // There are fewer years in nanoseconds.
            Some(from) if self.return_type.is_nanos() && !from.is_nanos() => false,
            Some(from) => self.kernel.name == CAST.name && can_up_cast(from, &self.return_type),
            None => false,
        };
        (self.ansi || !self.kernel.ansi_only) && !self.kernel.total && !widens()
    }

    pub fn param(&self, i: usize) -> &str {
        self.params.get(i).map(String::as_str).unwrap_or_default()
    }

    /// A run-time error of this call, with its place in the text.
    pub fn error(&self, e: SparkError) -> DataFusionError {
        crate::exec_err(e.at(self.origin.clone()))
    }
}

/// Where a call stands in the text makes no difference: `GROUP BY a + 1` finds the `a + 1` of the list.
impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.kernel.name == other.kernel.name
            && self.ansi == other.ansi
            && self.return_type == other.return_type
            && self.arg_types == other.arg_types
            && self.time_zone == other.time_zone
            && self.params == other.params
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.name.hash(state);
        self.return_type.hash(state);
        self.params.hash(state);
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.kernel.name, self.params)
    }
}

/// The signature of functions whose arguments are checked before DataFusion sees them: any number,
/// none included, of any types.
pub fn any_arguments(volatility: Volatility) -> Signature {
    Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], volatility)
}

/// The DataFusion function of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KernelUdf {
    pub call: Call,
    signature: Signature,
}

impl KernelUdf {
    pub fn new(call: Call) -> Self {
        let signature = any_arguments(call.kernel.volatility);
        KernelUdf { call, signature }
    }

    /// The call of a kernel that asks for its argument alone, of the type `from`.
    pub fn of(kernel: &'static Kernel, value: Expr, from: &DataType, to: DataType) -> Expr {
        let call = Call {
            kernel,
            arg_types: Arc::from([from.clone()]),
            return_type: to,
            ansi: true,
            time_zone: "UTC".into(),
            params: Arc::from([]),
            origin: None,
        };
        KernelUdf::call(call, vec![value])
    }

    /// The expression that calls the kernel.
    pub fn call(call: Call, args: Vec<Expr>) -> Expr {
        ScalarUDF::from(KernelUdf::new(call)).call(args)
    }
}

impl ScalarUDFImpl for KernelUdf {
    fn name(&self) -> &str {
        self.call.kernel.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[Arrow]) -> DfResult<Arrow> {
        Ok(self.call.arrow_return_type())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.call.arrow_return_type(), true)))
    }

    fn coerce_types(&self, arg_types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }

    /// Beside a NULL that is written, a call that stops at one is NULL (Spark's `NullPropagation`).
    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        let null = |e: &Expr| matches!(e, Expr::Literal(value, _) if value.is_null());
        if args.iter().take(self.call.kernel.stops_at_null_of()).any(null) {
            let value = ScalarValue::try_from(&self.call.arrow_return_type())?;
            return Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)));
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // Where there is no row, no constant fails.
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(args.return_field.data_type())));
        }
        let constant = !args.args.is_empty()
            && self.call.kernel.volatility != Volatility::Volatile
            && args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        match (self.call.kernel.eval)(&self.call, &args.args, rows)? {
            ColumnarValue::Array(array) if constant => {
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
            value => Ok(value),
        }
    }
}

/// The argument as an array of `rows` rows.
pub fn array_arg(args: &[ColumnarValue], i: usize, rows: usize) -> DfResult<ArrayRef> {
    match args.get(i) {
        Some(value) => value.to_array(rows),
        None => Err(crate::exec_err(SparkError::internal(format!("argument {i} is missing")))),
    }
}

/// The argument as a typed array: `let s: StringArray = typed_arg(args, 0, rows)?`.
pub fn typed_arg<T: Array + Clone + 'static>(args: &[ColumnarValue], i: usize, rows: usize) -> DfResult<T> {
    let array = array_arg(args, i, rows)?;
    array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| {
        crate::exec_err(SparkError::internal(format!(
            "argument {i} is {} where another type is due",
            array.data_type()
        )))
    })
}

/// The string of a scalar string argument: for patterns and formats that are mostly constant.
/// Outer `None`: a column; inner `None`: NULL.
pub fn scalar_str(args: &[ColumnarValue], i: usize) -> Option<Option<&str>> {
    match args.get(i)? {
        ColumnarValue::Scalar(ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v)) => {
            Some(v.as_deref())
        }
        _ => None,
    }
}
