using Mamba.Amqp.SpecGenerator;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: Mamba.Amqp.SpecGenerator SPEC-FOLDER PROJECT-FOLDER");
    Console.Error.WriteLine("  SPEC-FOLDER     holds transport.xml, messaging.xml, transactions.xml, security.xml (npm package amqp10@3.6.0, resources/)");
    Console.Error.WriteLine("  PROJECT-FOLDER  broker/src/Mamba.Amqp.Protocol; its Generated/ folder is written anew");
    return 2;
}

var generated = Path.Combine(args[1], "Generated");
if (Directory.Exists(generated))
{
    Directory.Delete(generated, recursive: true);
}

var files = Generator.Generate(args[0]);
foreach (var (path, text) in files)
{
    var full = Path.Combine(args[1], path);
    Directory.CreateDirectory(Path.GetDirectoryName(full)!);
    File.WriteAllText(full, text);
}

Console.WriteLine($"wrote {files.Count} files under {generated}");
return 0;
