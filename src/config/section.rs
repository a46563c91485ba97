//! The two macros a section is written with. A setting is declared once: its documentation, name,
//! type, default and range stand in one place, and everything else is made from that.

/// Declares a section: the struct, its `Default`, and the list of its settings.
///
/// ```text
/// section! {
///     /// What the section is about.
///     pub struct Limits = "limits" {
///         /// The help text of the setting.
///         max_page_size: u32 = 100, within 1..=1000;
///     }
/// }
/// ```
///
/// `within` bounds a number, `env` replaces the variable name `RUKO_<SECTION>_<NAME>`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $Section:ident = $section:literal {
            $(
                $(#[doc = $help:literal])+
                $key:ident: $type:ty = $default:expr $(, within $range:expr)? $(, env $env:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $Section {
            $($(#[doc = $help])+ pub $key: $type,)+
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $Section {
            pub(super) fn fields(&mut self) -> Vec<$crate::config::value::Field<'_>> {
                vec![$(
                    $crate::config::value::Field::new(
                        $section,
                        stringify!($key),
                        concat!($($help),+),
                        &mut self.$key,
                    )
                    $(.within($range))?
                    $(.named($env))?
                ),+]
            }
        }
    };
}

/// Declares an enum whose variants are written as fixed words.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        pub enum $Choice:ident {
            $($(#[doc = $help:literal])+ $Variant:ident = $word:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[doc = $help])+ $Variant,)+
        }

        impl $Choice {
            /// The word it is written as.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)+
                }
            }
        }

        impl $crate::config::value::Text for $Choice {
            const EXPECTED: &'static str = concat!("one of the words", $(" `", $word, "`",)+);
            const EXAMPLES: &'static [&'static str] = &[$($word),+];

            fn expected() -> String {
                Self::EXPECTED.to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                let word = text.trim();
                [$(Self::$Variant),+].into_iter().find(|choice| choice.as_str().eq_ignore_ascii_case(word))
            }

            fn text(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

pub(super) use {choice, section};
