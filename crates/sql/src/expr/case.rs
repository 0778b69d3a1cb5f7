//! CASE.

use vonk_common::SparkResult;
use vonk_plan::expr::Expr;

use crate::parser::Parser;

impl Parser<'_> {
    /// `CASE WHEN c THEN v … END`; with an operand each condition is a comparison with it.
    pub fn case(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        self.next();
        let before = self.nodes;
        let operand = if self.at("WHEN") && !self.at_n(1, "WHEN") { None } else { Some(self.expression()?) };
        let size = self.nodes - before;
        let mut args = vec![];
        self.grow()?;
        while self.eat("WHEN") {
            let at = self.pos;
            let mut condition = self.expression()?;
            if let Some(operand) = &operand {
                self.copy(size)?;
                condition = self.operator("==", vec![operand.clone(), condition], at);
            }
            self.expect("THEN")?;
            args.extend([condition, self.expression()?]);
        }
        if args.is_empty() {
            return self.fail();
        }
        if self.eat("ELSE") {
            args.push(self.expression()?);
        }
        self.expect("END")?;
        Ok(self.operator("when", args, start))
    }
}
