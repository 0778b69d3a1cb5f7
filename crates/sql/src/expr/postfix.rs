//! What may follow a primary: `.field`, `[index]`, `::type`, `:path`, COLLATE.

use vonk_common::SparkResult;
use vonk_plan::expr::{CallSyntax, CastMode, Expr, ExprKind, FunctionCall};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn postfix(&mut self, first: Expr, start: usize) -> SparkResult<Expr> {
        let mut out = first;
        loop {
            out = if self.sym("[") {
                self.next();
                let extraction = Box::new(self.expression()?);
                self.expect_sym("]")?;
                self.make(ExprKind::Extract { child: Box::new(out), extraction }, start)
            } else if self.sym(".") && matches!(self.kind(1), Kind::Word | Kind::QuotedName) {
                self.next();
                let at = self.pos;
                let field = self.ident()?;
                if let ExprKind::Attribute { name, .. } | ExprKind::LambdaVariable { name } = &mut out.kind {
                    // `(a).b` is `a.b`.
                    name.push(field);
                    out.origin = self.origin(start);
                    continue;
                }
                let extraction = Box::new(self.make(ExprKind::Literal(vonk_plan::literal::Literal::string(field)), at));
                self.make(ExprKind::Extract { child: Box::new(out), extraction }, start)
            } else if self.sym("::") {
                self.next();
                let to = self.cast_type()?;
                self.make(ExprKind::Cast { child: Box::new(out), to, mode: CastMode::Session }, start)
            } else if self.sym(":") {
                self.variant_path(out, start)?
            } else if self.at("COLLATE") && matches!(self.kind(1), Kind::Word | Kind::QuotedName) {
                self.next();
                let collation = self.multipart()?;
                self.make(ExprKind::Collate { child: Box::new(out), collation }, start)
            } else {
                return Ok(out);
            };
            self.grow()?;
        }
    }

    /// `v:a.b[0]['c']` is `semi_structured_extract(v, '$.a.b[0]['c']')`.
    fn variant_path(&mut self, child: Expr, start: usize) -> SparkResult<Expr> {
        self.expect_sym(":")?;
        let at = self.pos;
        let mut path = String::from("$");
        if self.sym("[") {
            path.push_str(&self.variant_bracket()?);
        } else {
            path.push_str(&self.variant_field()?);
        }
        loop {
            if self.sym(".") {
                self.next();
                path.push_str(&self.variant_field()?);
            } else if self.sym("[") && matches!(self.kind(1), Kind::String | Kind::Number) {
                path.push_str(&self.variant_bracket()?);
            } else {
                break;
            }
        }
        let path = self.make(ExprKind::Literal(vonk_plan::literal::Literal::string(path)), at);
        let call = FunctionCall {
            syntax: CallSyntax::Operator,
            ..FunctionCall::new(vec!["semi_structured_extract".into()], vec![child, path])
        };
        Ok(self.make(ExprKind::Function(call), start))
    }

    fn variant_field(&mut self) -> SparkResult<String> {
        let quoted = self.kind(0) == Kind::QuotedName;
        let name = self.ident()?;
        Ok(if quoted { format!("['{name}']") } else { format!(".{name}") })
    }

    fn variant_bracket(&mut self) -> SparkResult<String> {
        self.expect_sym("[")?;
        let out = match self.kind(0) {
            Kind::String => format!("['{}']", self.string_constant()?),
            Kind::Number => format!("[{}]", self.integer::<u32>()?),
            _ => return self.fail(),
        };
        self.expect_sym("]")?;
        Ok(out)
    }
}
