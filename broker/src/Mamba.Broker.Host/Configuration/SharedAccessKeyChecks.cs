namespace Mamba.Broker.Host.Configuration;

/// <summary>What is wrong with security.sharedAccessKeys. No message tells a key.</summary>
internal sealed class SharedAccessKeyChecks(SecurityOptions security, SettingLayers layers)
{
    private const int ShortestKey = 12;

    public void Check()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < security.SharedAccessKeys.Count; i++)
        {
            var key = security.SharedAccessKeys[i];
            var where = $"{layers.Where("security.sharedAccessKeys")}, [{i}]";
            if (key.Name.Length == 0)
            {
                Add($"{where}.name", "is missing.", "Give the name that connection strings have as SharedAccessKeyName, for example \"app\".");
            }
            else if (!names.Add(key.Name))
            {
                Add($"{where}.name", $"is \"{key.Name}\" a second time.", "Give each key a name of its own.");
            }

            CheckSecret(key, where);
        }
    }

    /// <summary>The secret: as it is given, or the first line of its file.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static string SecretOf(SharedAccessKeyOptions key) => key.Key ?? File.ReadLines(key.KeyFile!).FirstOrDefault() ?? "";

    private void CheckSecret(SharedAccessKeyOptions key, string where)
    {
        if (key.Key is null == key.KeyFile is null)
        {
            Add(where, key.Key is null ? "has no key." : "has a key and a keyFile.", "Give keyFile, the path of a file whose first line is the secret, or key, the secret itself.");
            return;
        }

        try
        {
            if (SecretOf(key).Length < ShortestKey)
            {
                Add(key.Key is null ? $"{where}.keyFile" : $"{where}.key",
                    key.Key is null ? $"is {key.KeyFile}, whose first line has fewer than {ShortestKey} characters." : $"has fewer than {ShortestKey} characters.",
                    "Give a long random secret, for example one that `openssl rand -base64 32` makes.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Add($"{where}.keyFile", $"is {key.KeyFile}, which cannot be read: {e.Message}", "Give the path of a file that the broker can read.");
        }
    }

    private void Add(string where, string what, string remedy) => layers.Problems.Add(new Problem(where, what, remedy));
}
