namespace Mamba.Broker.Host.Configuration;

/// <summary>One wrong setting.</summary>
/// <param name="Where">The setting as it was given: file key with file and line, variable, or option.</param>
/// <param name="What">What is wrong; continues a sentence that starts with <paramref name="Where"/>.</param>
/// <param name="Remedy">What to do about it; a sentence.</param>
internal sealed record Problem(string Where, string What, string Remedy)
{
    /// <summary>The report a person reads: every problem with its remedy.</summary>
    public static string Report(string outcome, IReadOnlyCollection<Problem> problems)
    {
        var lines = new List<string>
        {
            problems.Count == 1 ? $"{outcome}: one setting is wrong." : $"{outcome}: {problems.Count} settings are wrong.",
        };
        foreach (var problem in problems)
        {
            lines.Add("");
            lines.Add($"  {problem.Where}");
            lines.Add($"    {problem.What.ReplaceLineEndings(" ")}");
            lines.Add($"    -> {problem.Remedy.ReplaceLineEndings(" ")}");
        }

        return string.Join('\n', lines);
    }
}
