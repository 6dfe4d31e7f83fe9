using Mamba.Amqp.Conformance;

return await CommandLine.Make().Parse(args).InvokeAsync();
