module longhaul.dev/tools/versitygw

go 1.26.4

tool github.com/versity/versitygw/cmd/versitygw

require github.com/versity/versitygw v1.7.0
