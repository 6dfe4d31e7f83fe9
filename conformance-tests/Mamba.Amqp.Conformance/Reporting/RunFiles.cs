using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>The files that a run leaves. They are there from its beginning, so that a run that is killed leaves one that says so.</summary>
public static class RunFiles
{
    /// <summary>Writes what the settings ask for.</summary>
    /// <exception cref="UnwritableException">A file cannot be written.</exception>
    public static async Task WriteAsync(SuiteSettings settings, ResultFile result)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(result);
        await WriteAsync(settings.Json, result.ToJson);
        await WriteAsync(settings.Report, () => HtmlReport.Render([result]));
    }

    /// <summary>Writes a file, if one is wanted.</summary>
    /// <exception cref="UnwritableException">It cannot be written.</exception>
    public static async Task WriteAsync(string? path, Func<string> contents)
    {
        ArgumentNullException.ThrowIfNull(contents);
        if (path is null)
        {
            return;
        }

        try
        {
            await File.WriteAllTextAsync(path, contents());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UnwritableException($"{path} cannot be written: {e.Message.TrimEnd('.')}", e);
        }
    }
}

/// <summary>A file cannot be written.</summary>
public sealed class UnwritableException(string message, Exception innerException) : Exception(message, innerException);
