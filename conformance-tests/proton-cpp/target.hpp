// The target file: what the broker under test is, as the fixture writes it (see conformance-tests/rhea/README.md).
#pragma once

#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

struct Target {
    std::string text, run;

    explicit Target(const std::string& file) {
        std::ifstream in(file);
        if (!in) throw std::runtime_error("cannot read the target file " + file);
        std::ostringstream all;
        all << in.rdbuf();
        text = all.str();
        std::ostringstream id;
        id << std::hex << std::random_device{}();
        run = id.str();
    }

    /// The value of a key at the file's top level, a string or a number. The fixture writes no escapes into these.
    std::string operator[](const std::string& key) const {
        auto at = text.find('"' + key + '"');
        if (at == std::string::npos) throw std::runtime_error("the target file has no " + key);
        at = text.find_first_not_of(" \n\r\t:", at + key.size() + 2);
        return text[at] == '"' ? text.substr(at + 1, text.find('"', at + 1) - at - 1) : text.substr(at, text.find_first_of(",}\n", at) - at);
    }

    /// An address nobody else uses; the prefix chooses one of the fixture's address rules.
    std::string queue(const std::string& prefix = "cpp") { return prefix + ".q-" + run + "-" + std::to_string(++count_); }

    std::string url(bool tls = false) const {
        return tls ? "amqps://localhost:" + (*this)["tlsPort"] : "amqp://" + (*this)["host"] + ":" + (*this)["port"];
    }

private:
    int count_ = 0;
};
