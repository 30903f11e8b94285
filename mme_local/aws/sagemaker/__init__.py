"""SageMaker's hosting API, on top of moto's, with what moto lacks and AWS's error messages."""
