return await Mamba.Amqp.Conformance.CommandLine.RunAsync(args);
