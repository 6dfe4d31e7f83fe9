namespace Mamba.Amqp.Conformance.Catalogue;

/// <summary>The checked-in list of statements (statements.tsv).</summary>
public static class StatementTable
{
    public static IReadOnlyList<Statement> Load() => [.. EmbeddedText.Lines("statements.tsv").Select(Statement.Parse)];

    public static string Render(IEnumerable<Statement> statements) =>
        Statement.FileHeader + "\n" + string.Concat(statements.Select(static s => s.ToLine() + "\n"));
}
