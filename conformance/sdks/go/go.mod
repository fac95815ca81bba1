module flk.example/sdk

go 1.19
