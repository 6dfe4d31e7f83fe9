using Mamba.Broker.Host.Commands;

return await CommandLine.RunAsync(args);
