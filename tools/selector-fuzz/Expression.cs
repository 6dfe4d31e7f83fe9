namespace Mamba.Tools.SelectorFuzz;

/// <summary>
/// An expression as the random generator makes it and the reference evaluator walks it. Nothing here is shared with the broker's
/// parser and evaluator: they see the printed text only.
/// </summary>
public abstract record Expression;

/// <summary>A literal: bool, long, double, float, string or byte[] (SQL only), with the text it is written as.</summary>
public sealed record Literal(object Value, string Text) : Expression;

/// <summary>An identifier as it is written, without delimiters.</summary>
public sealed record Identifier(string Name) : Expression;

/// <summary>AND, OR, or a comparison, or arithmetic, by its sign.</summary>
public sealed record Binary(string Sign, Expression Left, Expression Right) : Expression;

/// <summary>NOT, + or -.</summary>
public sealed record Unary(string Sign, Expression Operand) : Expression;

/// <summary>IS [NOT] NULL.</summary>
public sealed record IsNull(Identifier Operand, bool Negated) : Expression;

/// <summary>[NOT] BETWEEN.</summary>
public sealed record Between(Expression Operand, Expression Low, Expression High, bool Negated) : Expression;

/// <summary>[NOT] IN.</summary>
public sealed record In(Expression Operand, IReadOnlyList<Expression> Items, bool Negated) : Expression;

/// <summary>[NOT] LIKE, with its escape character or null.</summary>
public sealed record Like(Expression Operand, string Pattern, string? Escape, bool Negated) : Expression;

/// <summary>LOWER, UPPER, LEFT, RIGHT, SUBSTRING or DATE (SQL only).</summary>
public sealed record Call(string Name, IReadOnlyList<Expression> Arguments) : Expression;

/// <summary>UTC().</summary>
public sealed record Utc : Expression;
