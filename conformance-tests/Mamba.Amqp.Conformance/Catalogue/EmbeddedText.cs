namespace Mamba.Amqp.Conformance.Catalogue;

/// <summary>Files that are part of the program.</summary>
public static class EmbeddedText
{
    public static string Read(string name)
    {
        using var stream = typeof(EmbeddedText).Assembly.GetManifestResourceStream(name)
            ?? throw new FileNotFoundException($"{name} is not part of the program", name);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The lines of a table without its header, comments (#) and empty lines.</summary>
    public static IEnumerable<string> Lines(string name) =>
        Read(name).Split('\n').Skip(1).Where(static line => line.Length > 0 && line[0] != '#');
}
