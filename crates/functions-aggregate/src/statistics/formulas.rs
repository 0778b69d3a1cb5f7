//! How moments and co-moments are updated with a value and merged with another part.

use super::State;

macro_rules! fields {
    ($t:ident { $($f:ident),* }) => {
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $t { $($f: f64),* }

        impl $t {
            const FIELDS: &'static [fn(&mut $t) -> &mut f64] = &[$(|s| &mut s.$f),*];

            fn field(&self, i: usize) -> f64 {
                let mut copy = *self;
                Self::FIELDS.get(i).map_or(0.0, |f| *f(&mut copy))
            }

            fn set_field(&mut self, i: usize, v: f64) {
                if let Some(f) = Self::FIELDS.get(i) {
                    *f(self) = v;
                }
            }
        }
    };
}

fields!(Moments { n, avg, m2, m3, m4 });
fields!(Covariance { n, x_avg, y_avg, ck });
fields!(Correlation { n, x_avg, y_avg, ck, x_mk, y_mk });

impl State for Moments {
    const LEN: usize = 5;

    fn update(&mut self, x: f64, _: f64) {
        let n = self.n + 1.0;
        let delta = x - self.avg;
        let delta_n = delta / n;
        let m2 = self.m2 + delta * (delta - delta_n);
        let (delta2, delta_n2) = (delta * delta, delta_n * delta_n);
        let m3 = self.m3 - 3.0 * delta_n * m2 + delta * (delta2 - delta_n2);
        let m4 = self.m4 - 4.0 * delta_n * m3 - 6.0 * delta_n2 * m2 + delta * (delta * delta2 - delta_n * delta_n2);
        *self = Moments { n, avg: self.avg + delta_n, m2, m3, m4 };
    }

    fn merge(&mut self, o: &Self) {
        let (n1, n2) = (self.n, o.n);
        let n = n1 + n2;
        let delta = o.avg - self.avg;
        let d = if n == 0.0 { 0.0 } else { delta / n };
        let m2 = self.m2 + o.m2 + delta * d * n1 * n2;
        let m3 = self.m3 + o.m3 + d * d * delta * n1 * n2 * (n1 - n2) + 3.0 * d * (n1 * o.m2 - n2 * self.m2);
        let m4 = self.m4
            + o.m4
            + d * d * d * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2)
            + 6.0 * d * d * (n1 * n1 * o.m2 + n2 * n2 * self.m2)
            + 4.0 * d * (n1 * o.m3 - n2 * self.m3);
        *self = Moments { n, avg: self.avg + d * n2, m2, m3, m4 };
    }

    fn finish(&self, what: &str) -> Option<f64> {
        let Moments { n, m2, m3, m4, .. } = *self;
        if n == 0.0 {
            return None;
        }
        match what {
            "stddev_pop" => Some((m2 / n).sqrt()),
            "var_pop" => Some(m2 / n),
            "stddev_samp" if n > 1.0 => Some((m2 / (n - 1.0)).sqrt()),
            "var_samp" if n > 1.0 => Some(m2 / (n - 1.0)),
            "skewness" if m2 != 0.0 => Some(n.sqrt() * m3 / (m2 * m2 * m2).sqrt()),
            "kurtosis" if m2 != 0.0 => Some(n * m4 / (m2 * m2) - 3.0),
            _ => None,
        }
    }

    fn get(&self, i: usize) -> f64 {
        self.field(i)
    }

    fn set(&mut self, i: usize, v: f64) {
        self.set_field(i, v);
    }
}

impl State for Covariance {
    const LEN: usize = 4;

    fn update(&mut self, x: f64, y: f64) {
        let n = self.n + 1.0;
        let dx = x - self.x_avg;
        let dy = y - self.y_avg;
        let y_avg = self.y_avg + dy / n;
        *self = Covariance { n, x_avg: self.x_avg + dx / n, y_avg, ck: self.ck + dx * (y - y_avg) };
    }

    fn merge(&mut self, o: &Self) {
        let (n1, n2) = (self.n, o.n);
        let n = n1 + n2;
        let part = |d: f64| if n == 0.0 { 0.0 } else { d / n };
        let (dx, dy) = (o.x_avg - self.x_avg, o.y_avg - self.y_avg);
        *self = Covariance {
            n,
            x_avg: self.x_avg + part(dx) * n2,
            y_avg: self.y_avg + part(dy) * n2,
            ck: self.ck + o.ck + dx * part(dy) * n1 * n2,
        };
    }

    fn finish(&self, what: &str) -> Option<f64> {
        match what {
            _ if self.n == 0.0 => None,
            "covar_pop" => Some(self.ck / self.n),
            "regr_sxy" => Some(self.ck),
            _ if self.n > 1.0 => Some(self.ck / (self.n - 1.0)),
            _ => None,
        }
    }

    fn get(&self, i: usize) -> f64 {
        self.field(i)
    }

    fn set(&mut self, i: usize, v: f64) {
        self.set_field(i, v);
    }
}

impl State for Correlation {
    const LEN: usize = 6;

    fn update(&mut self, x: f64, y: f64) {
        let n = self.n + 1.0;
        let (dx, dy) = (x - self.x_avg, y - self.y_avg);
        let (x_avg, y_avg) = (self.x_avg + dx / n, self.y_avg + dy / n);
        *self = Correlation {
            n,
            x_avg,
            y_avg,
            ck: self.ck + dx * (y - y_avg),
            x_mk: self.x_mk + dx * (x - x_avg),
            y_mk: self.y_mk + dy * (y - y_avg),
        };
    }

    fn merge(&mut self, o: &Self) {
        let (n1, n2) = (self.n, o.n);
        let n = n1 + n2;
        let part = |d: f64| if n == 0.0 { 0.0 } else { d / n };
        let (dx, dy) = (o.x_avg - self.x_avg, o.y_avg - self.y_avg);
        *self = Correlation {
            n,
            x_avg: self.x_avg + part(dx) * n2,
            y_avg: self.y_avg + part(dy) * n2,
            ck: self.ck + o.ck + dx * part(dy) * n1 * n2,
            x_mk: self.x_mk + o.x_mk + dx * part(dx) * n1 * n2,
            y_mk: self.y_mk + o.y_mk + dy * part(dy) * n1 * n2,
        };
    }

    /// For the regression functions the first argument is y and the second x.
    fn finish(&self, what: &str) -> Option<f64> {
        let corr = || {
            let root = (self.x_mk * self.y_mk).sqrt();
            // Where one side is always the same there is none, even if the other is no number.
            (self.x_mk != 0.0 && self.y_mk != 0.0 && root != 0.0).then(|| self.ck / root)
        };
        match what {
            _ if self.n == 0.0 => None,
            "regr_sxx" => Some(self.y_mk),
            "regr_syy" => Some(self.x_mk),
            "regr_r2" if self.y_mk == 0.0 => None,
            "regr_r2" if self.x_mk == 0.0 => Some(1.0),
            "regr_r2" => corr().map(|c| c * c),
            _ if self.n == 1.0 => None,
            _ => corr(),
        }
    }

    fn get(&self, i: usize) -> f64 {
        self.field(i)
    }

    fn set(&mut self, i: usize, v: f64) {
        self.set_field(i, v);
    }
}

/// Covariance of x with y, and the moments of x.
#[derive(Debug, Clone, Copy, Default)]
pub struct Regression {
    co: Covariance,
    of_x: Moments,
}

impl State for Regression {
    const LEN: usize = 9;

    fn update(&mut self, y: f64, x: f64) {
        self.co.update(x, y);
        self.of_x.update(x, x);
    }

    fn merge(&mut self, o: &Self) {
        self.co.merge(&o.co);
        self.of_x.merge(&o.of_x);
    }

    fn finish(&self, what: &str) -> Option<f64> {
        if self.co.n == 0.0 || self.of_x.m2 == 0.0 {
            return None;
        }
        let slope = self.co.ck / self.of_x.m2;
        Some(if what == "regr_slope" { slope } else { self.co.y_avg - slope * self.co.x_avg })
    }

    fn get(&self, i: usize) -> f64 {
        if i < 4 { self.co.get(i) } else { self.of_x.get(i - 4) }
    }

    fn set(&mut self, i: usize, v: f64) {
        if i < 4 { self.co.set(i, v) } else { self.of_x.set(i - 4, v) }
    }
}
